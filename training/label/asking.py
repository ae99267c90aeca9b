"""Asking everything that the journal lacks, several prompts at a time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import Struct, field

from router.errors import DataError
from training.label.ask import Model, NoAnswer
from training.label.costs import Spent, price
from training.label.journal import Asked, Journal, Part
from training.label.judge import judge_prompt, read_verdict
from training.label.questions import Question

HOPELESS_AFTER = 20
"""So many failures in a row end the run: whatever it is, more prompts would meet it too."""

JUDGE_TRIES = 2


class Tally(Struct):
    """What happened in this run: answers received, their cost, failures by reason, and verdicts that were none."""

    answers: int = 0
    spent: Spent = field(default_factory=Spent)
    failures: Counter[str] = field(default_factory=Counter)
    unreadable_verdicts: int = 0
    in_a_row: int = 0


def parts_of(question: Question, roles: Mapping[str, object]) -> Iterator[Part]:
    """What has to be asked about a question: an answer of each model and, without a reference, two verdicts."""
    yield "weak"
    if "strong" in roles:
        yield "strong"
    if not question.has_reference:
        yield "judge_weak_first"
        yield "judge_strong_first"


def role_of(part: Part) -> str:
    """Who is asked for a part: weak, strong or judge."""
    return "judge" if part.startswith("judge") else part


def is_complete(question: Question, roles: Mapping[str, object], journal: Journal) -> bool:
    """Whether the journal has all that the question's label needs."""
    return all(journal.get(question.key, part) is not None for part in parts_of(question, roles))


class Interview:
    """Puts questions to the models and what they say into the journal.

    Args:
        models: role -> connection.
        journal: what has been said so far; never asked again.
        tally: counts as it goes.
        on_done: called after each question, answered or not.
    """

    def __init__(
        self, models: Mapping[str, Model], journal: Journal, tally: Tally, on_done: Callable[[], None]
    ) -> None:
        self._models = models
        self._journal = journal
        self._tally = tally
        self._on_done = on_done

    async def put_all(self, questions: Sequence[Question], concurrency: int) -> None:
        """Ask about all questions, ``concurrency`` at a time; one without an answer is counted and left for later.

        Raises:
            DataError: a server answers no question at all.
        """
        waiting = iter(questions)

        async def worker() -> None:
            for question in waiting:  # shared: each takes the next one
                await self._put_counted(question)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(concurrency, len(questions))):
                    group.create_task(worker())
        except* DataError as refused:
            # What the others raised besides is of the same kind; one sentence is enough.
            raise next(error for error in refused.exceptions if isinstance(error, DataError)) from None

    async def _put_counted(self, question: Question) -> None:
        try:
            await self._put(question)
        except NoAnswer as error:
            self._tally.failures[str(error)] += 1
            self._tally.in_a_row += 1
            if self._tally.in_a_row >= HOPELESS_AFTER:
                raise DataError(
                    f"{HOPELESS_AFTER} prompts in a row got no answer, the last one for this reason: {error}; see to "
                    "the server, then run the same command again: answers so far are kept"
                ) from error
        else:
            self._tally.in_a_row = 0
        self._on_done()

    async def _put(self, question: Question) -> None:
        answers = [part for part in parts_of(question, self._models) if role_of(part) != "judge"]
        said = await asyncio.gather(*(self._answer(question, part) for part in answers), return_exceptions=True)
        for outcome in said:  # only now, so that an answer of the other model is not thrown away
            if isinstance(outcome, BaseException):
                raise outcome
        if not question.has_reference:
            for part in parts_of(question, self._models):
                if role_of(part) == "judge" and self._journal.get(question.key, part) is None:
                    await self._judge(question, part)

    async def _answer(self, question: Question, part: Part) -> None:
        if self._journal.get(question.key, part) is not None:
            return
        model = self._models[part]
        reply = await model.ask(question.prompt)
        self._remember(
            model,
            Asked(
                key=question.key,
                part=part,
                text=reply.text,
                prompt_tokens=reply.prompt_tokens,
                completion_tokens=reply.completion_tokens,
                cut_off=reply.cut_off,
            ),
        )

    async def _judge(self, question: Question, part: Part) -> None:
        weak, strong = (self._journal.get(question.key, model) for model in ("weak", "strong"))
        assert weak is not None
        assert strong is not None
        first, second = (weak, strong) if part == "judge_weak_first" else (strong, weak)
        judge = self._models["judge"]
        prompt_tokens: int | None = 0
        completion_tokens: int | None = 0
        for _ in range(JUDGE_TRIES):
            reply = await judge.ask(judge_prompt(question.prompt, first.text, second.text))
            prompt_tokens = _sum(prompt_tokens, reply.prompt_tokens)
            completion_tokens = _sum(completion_tokens, reply.completion_tokens)
            verdict = read_verdict(reply.text)
            if verdict is not None:
                asked = Asked(
                    key=question.key,
                    part=part,
                    text=verdict,
                    prompt_tokens=prompt_tokens,
                    completion_tokens=completion_tokens,
                )
                self._remember(judge, asked)
                return
            self._tally.unreadable_verdicts += 1
        self._tally.spent.add(price(judge.at.url, judge.model, prompt_tokens, completion_tokens))
        raise NoAnswer("judge: no readable verdict")

    def _remember(self, model: Model, asked: Asked) -> None:
        self._journal.add(asked)
        self._tally.answers += 1
        self._tally.spent.add(price(model.at.url, model.model, asked.prompt_tokens, asked.completion_tokens))


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
