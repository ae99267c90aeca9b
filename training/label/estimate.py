"""What is left to ask, and what that will cost, before anything is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from training.label.ask import Endpoint
from training.label.asking import parts_of, role_of
from training.label.costs import USUAL_ANSWER_TOKENS, price, tokens_in
from training.label.journal import Journal
from training.label.judge import INSTRUCTIONS
from training.label.questions import Question

ANSWERS_PER_VERDICT = 2


class Estimate(Struct):
    """``answers`` are still to be asked for; ``usual`` and ``most`` are US dollars for those whose price is known.

    ``unpriced`` names the roles whose price is not.
    """

    answers: int = 0
    usual: Decimal = Decimal(0)
    most: Decimal = Decimal(0)
    unpriced: tuple[str, ...] = ()

    @property
    def free(self) -> bool:
        """Whether it is known to cost nothing."""
        return not self.most and not self.unpriced

    def __str__(self) -> str:
        asked = f"{self.answers:,} answers to ask for"
        if self.free:
            return f"{asked}; local models cost nothing"
        if self.unpriced and not self.most:
            return f"{asked}; the price of the {' and the '.join(self.unpriced)} model is unknown"
        more = f", and what the {' and the '.join(self.unpriced)} model costs is unknown" if self.unpriced else ""
        return f"{asked}; about ${self.usual:.4f}, at most ${self.most:.4f} without retries{more}"


def estimate(
    questions: Sequence[Question], endpoints: Mapping[str, Endpoint], journal: Journal, *, max_tokens: int
) -> Estimate:
    """Add up what the journal lacks. Usual answers take 250 tokens, the longest ``max_tokens``."""
    total = Estimate()
    for question in questions:
        for part in parts_of(question, endpoints):
            if journal.get(question.key, part) is None:
                _add(total, question, endpoints[role_of(part)], max_tokens)
    return total


def _add(total: Estimate, question: Question, asked: Endpoint, max_tokens: int) -> None:
    total.answers += 1
    usual = min(USUAL_ANSWER_TOKENS, max_tokens)
    prompt = tokens_in(question.prompt)
    read_usual = read_most = prompt
    if asked.role == "judge":
        read_usual = prompt + tokens_in(INSTRUCTIONS) + ANSWERS_PER_VERDICT * usual
        read_most = prompt + tokens_in(INSTRUCTIONS) + ANSWERS_PER_VERDICT * max_tokens
    about = price(asked.url, asked.model or "", read_usual, usual)
    most = price(asked.url, asked.model or "", read_most, max_tokens)
    if about is None or most is None:
        if asked.role not in total.unpriced:
            total.unpriced = (*total.unpriced, asked.role)
        return
    total.usual += about
    total.most += most
