"""One tenant's account: what became of the rewordings that were answered from the cache."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterable

import msgspec

from router.types import Rating

MOST_TRIALS = 20_000
"""The newest answers that an account remembers."""

OLDEST_S = 90 * 86_400.0
"""Seconds after which an answer, and with it a report, no longer counts."""

SPEAKS_UP = 0.2
"""The share of callers who got a wrong answer that is taken to say so.

It is an assumption, and the only one: what nobody rated cannot tell how often people speak up. Where fewer do, the
wrong answers served may exceed the budget by as much. Where more are rated than this, the ratings themselves count.
"""


class Trial(msgspec.Struct, frozen=True):
    """An answer that was served for a reworded question: its verdict score, when (seconds since 1970), its rating."""

    request_id: str
    score: float
    at: float
    rating: Rating | None = None


class Account:
    """The newest trials of one tenant, and how many of them lie at or above any score."""

    def __init__(self, trials: Iterable[Trial] = ()) -> None:
        self._trials: OrderedDict[str, Trial] = OrderedDict()
        self._all: list[float] = []
        self._rated: list[float] = []
        self._bad: list[float] = []
        for trial in trials:
            self.add(trial)

    def __len__(self) -> int:
        return len(self._trials)

    def add(self, trial: Trial) -> None:
        """Take in a trial; of one request the last one counts."""
        self._forget(trial.request_id)
        self._trials[trial.request_id] = trial
        for scores in self._counted(trial):
            insort(scores, trial.score)
        if len(self._trials) > MOST_TRIALS:
            self._forget(next(iter(self._trials)))

    def expire(self, now: float) -> None:
        """Let go of trials that are too old."""
        # All are looked at: a late rating, or a clock that was set, puts times out of order.
        for old in [trial.request_id for trial in self._trials.values() if trial.at <= now - OLDEST_S]:
            self._forget(old)

    def reports(self, score: float = float("-inf")) -> int:
        """How many answers at or above a score were reported wrong."""
        return _above(self._bad, score)

    def trials(self, score: float = float("-inf")) -> float:
        """How many answers at or above a score would have been reported if they had been wrong.

        Who got a wrong answer is taken to speak up at least as often as who got a right one says so, and at least with
        the chance ``SPEAKS_UP``. So reports number at most wrong answers, and as a share of these trials they are, on
        the average, no less than the share of wrong answers among all.
        """
        return max(_above(self._rated, score), SPEAKS_UP * _above(self._all, score))

    def reported_scores(self) -> list[float]:
        """The scores of answers reported wrong, lowest first."""
        return list(self._bad)

    def _counted(self, trial: Trial) -> list[list[float]]:
        lists = [self._all]
        if trial.rating is not None:
            lists.append(self._rated)
        if trial.rating == "bad":
            lists.append(self._bad)
        return lists

    def _forget(self, request_id: str) -> None:
        trial = self._trials.pop(request_id, None)
        if trial is not None:
            for scores in self._counted(trial):
                del scores[bisect_left(scores, trial.score)]


def _above(scores: list[float], score: float) -> int:
    return len(scores) - bisect_left(scores, score)
