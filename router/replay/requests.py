"""Requests to decide once more, as columns of numbers: of each no more is kept than its figures need."""

from __future__ import annotations

from array import array
from collections import Counter
from datetime import datetime

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.ledger.decided import PastRequest
from router.replay.amounts import Amounts, Pricing, Ratios
from router.replay.left_out import NO_PRICE, why_left_out
from router.scoring.familiarity import UNFAMILIAR_ABOVE
from router.types import Route

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_WENT: dict[Route | None, float] = {"weak": 0.0, "strong": 1.0}
_UNANSWERED = -1.0
_COLUMNS = 7


class Requests(Struct, frozen=True, kw_only=True, eq=False):
    """N requests that a threshold decides.

    ``win_rate`` float64 [N], 0..1; ``unfamiliar`` bool [N]; ``weak``, ``weak_answer``, ``strong``, ``strong_answer``
    float64 [N] as ``Amounts``; ``went_strong`` bool [N], or None where some were never answered. ``is_priced``: whether
    the amounts are known. ``left_out``: how many others there were, by why. ``left_out_usd``: what these cost, as far
    as it is known. ``since``, ``until``: the times of the first and the last; None where none is known.
    """

    win_rate: FloatArray
    unfamiliar: BoolArray
    weak: FloatArray
    weak_answer: FloatArray
    strong: FloatArray
    strong_answer: FloatArray
    went_strong: BoolArray | None
    is_priced: bool
    left_out: dict[str, int]
    left_out_usd: float
    since: datetime | None = None
    until: datetime | None = None

    def __len__(self) -> int:
        return len(self.win_rate)

    def all_weak_usd(self, ratios: Ratios) -> float:
        """What it costs where the weak model answers everything, and what is unfamiliar too, in US dollars."""
        return float(self.weak.sum() + self.weak_answer.sum() / ratios.taken)


class Collected:
    """Requests as they are read, one after another."""

    def __init__(self) -> None:
        self._values = array("d")
        self._left_out: Counter[str] = Counter()
        self._left_out_usd = 0.0
        self._since: datetime | None = None
        self._until: datetime | None = None

    def take(self, past: PastRequest, artifact: str, pricing: Pricing) -> None:
        """A request of the ledger's, by the win rate that it was decided by."""
        why = why_left_out(past, artifact)
        if why is not None or past.win_rate is None:
            self.leave_out(why or "unscored", past.cost_usd)
            return
        self.add(past.win_rate, past.unfamiliarity, pricing.of_answered(past), past.route, past.at)

    def add(
        self,
        win_rate: float,
        unfamiliarity: float | None,
        amounts: Amounts,
        route: Route | None = None,
        at: datetime | None = None,
    ) -> None:
        """A request that a threshold decides; ``route`` is the one that it took, None where it was never answered."""
        unfamiliar = unfamiliarity is not None and unfamiliarity > UNFAMILIAR_ABOVE
        self._values.extend((win_rate, float(unfamiliar), *amounts, _WENT.get(route, _UNANSWERED)))
        if at is not None:
            self._since = at if self._since is None else min(at, self._since)
            self._until = at if self._until is None else max(at, self._until)

    def leave_out(self, why: str, usd: float | None) -> None:
        """A request that no threshold moves, and what it cost."""
        self._left_out[why] += 1
        self._left_out_usd += usd or 0.0

    def requests(self) -> Requests:
        """All of them. Where some have a price, those that have none are left out too."""
        table = np.frombuffer(self._values, np.float64).reshape(-1, _COLUMNS)
        priced = np.isfinite(table[:, 2:6]).all(axis=1)
        left_out, left_out_usd = dict(self._left_out), self._left_out_usd
        if priced.any() and not priced.all():
            left_out[NO_PRICE] = int((~priced).sum())
            left_out_usd += _paid_usd(table[~priced])
            table = table[priced]
        win_rate, unfamiliar, weak, weak_answer, strong, strong_answer, went = np.ascontiguousarray(table.T)
        return Requests(
            win_rate=win_rate,
            unfamiliar=unfamiliar > 0,
            weak=weak,
            weak_answer=weak_answer,
            strong=strong,
            strong_answer=strong_answer,
            went_strong=None if (went == _UNANSWERED).any() else went > 0,
            is_priced=bool(priced.any()),
            left_out=left_out,
            left_out_usd=left_out_usd,
            since=self._since,
            until=self._until,
        )


def _paid_usd(table: FloatArray) -> float:
    """What requests [N, columns] did cost, as far as it is known; those that nobody answered cost nothing."""
    _, _, weak, _, strong, _, went = table.T
    return float(np.nansum(np.where(went > 0, strong, weak)[went != _UNANSWERED]))
