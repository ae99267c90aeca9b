"""Reads requests for replaying: decided by their own win rate where that is known, else scored again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from router.admission import expected_of
from router.ledger.decided import PastRequest
from router.replay.amounts import Pricing
from router.replay.left_out import why_left_out
from router.replay.lines import Asked, Recorded
from router.replay.requests import Collected
from router.scoring.scorer import Scorer


class Reader:
    """Gathers requests, of each no more than its numbers.

    Args:
        scorer: whose win rates are asked for.
        pricing: what requests cost.
        answer_tokens: how long an answer is taken to be that nobody has given; asked only where there are such.
        since: aware; records of earlier requests are passed over. None takes all.
    """

    def __init__(
        self, scorer: Scorer, pricing: Pricing, answer_tokens: Callable[[], int], since: datetime | None = None
    ) -> None:
        self.collected = Collected()
        self.asked = 0
        self.rescored = 0
        self._scorer = scorer
        self._pricing = pricing
        self._answer_tokens = answer_tokens
        self._since = since

    @property
    def artifact(self) -> str:
        """Name and version of the artifact that decides."""
        return self._scorer.version

    @property
    def answer_tokens(self) -> int | None:
        """How long answers are taken to be that nobody has given; None where each request was answered."""
        return self._answer_tokens() if self.asked else None

    def take(self, found: Recorded | Asked) -> None:
        """One request."""
        if isinstance(found, Asked):
            self._take_asked(found)
        elif self._since is None or found.past.at >= self._since:
            self.take_past(found.past, found.text)

    def take_past(self, past: PastRequest, text: str | None = None) -> None:
        """One that was answered. Where another artifact scored it, ``text`` is scored again, if it is there."""
        artifact = self._scorer.version
        if not text or (past.artifact == artifact and past.win_rate is not None):
            self.collected.take(past, artifact, self._pricing)
            return
        if (why := why_left_out(past, artifact=None)) is not None:
            self.collected.leave_out(why, past.cost_usd)
            return
        self.rescored += 1
        score = self._scorer.score(text)
        amounts = self._pricing.of_answered(past)
        self.collected.add(score.win_rate, score.unfamiliarity, amounts, past.route, past.at)

    def _take_asked(self, found: Asked) -> None:
        self.asked += 1
        usage = expected_of(found.request, self._answer_tokens())
        score = self._scorer.score(found.text)
        amounts = self._pricing.of_new(usage.prompt_tokens, usage.completion_tokens)
        self.collected.add(score.win_rate, score.unfamiliarity, amounts)
