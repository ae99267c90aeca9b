"""From requests and thresholds to figures: strong share, cost, savings and expected quality, with intervals.

**Expected quality.** Quality is PGR: the gain of the requests that the strong model answers, as a part of the gain of
all. A request's gain is how much better the strong answer is: in expectation the chance ``p`` that it is strictly
better, which is the win rate, less the chance ``w`` that the weak one is. The win rate says nothing of ``w``; it is
taken that ``w`` is 0, as wherever a tie or better counts as "the weak model suffices"::

    expected quality at t  =  sum of p over requests that go to the strong model at t  /  sum of p over all

If ``w`` is the same part of ``p`` everywhere nothing changes; if the weak model is strictly better the more seldom the
likelier the strong one is (``w / p`` falls as ``p`` rises), the quality of routing by the win rate is at least this. It
hangs on the win rate being calibrated for the two models in question (docs/replay.md: measured).

**Intervals** (95 %) are over other requests like these: percentiles of a bootstrap over the requests, with a fixed
seed. Those of cost and savings hold, besides, every length that the other model's answers may have had
(``router.ledger.baseline``). None says how far the win rates may be wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.replay.amounts import Ratios
from router.replay.requests import FloatArray, Requests
from router.types import WhenUnfamiliar

IntArray = NDArray[np.intp]

DRAWS = 500
MANY = 100_000
"""Requests from which on fewer draws say enough: the interval is narrow by then."""

DRAWS_OF_MANY = 100
TAIL = 2.5
"""Percent of the draws beyond either end of an interval."""

_AT_ONCE = 2_000_000
"""Numbers in memory for one step of the draws."""


_ENDS = {
    "strong_share": ("strong_share", "strong_share"),
    "quality": ("quality", "quality"),
    "cost": ("cost_low", "cost_high"),
    "saved": ("saved_low", "saved_high"),
}
"""What the lower and the upper end of each figure's interval are percentiles of."""


class Band(NamedTuple):
    """Figures at each of K thresholds with the ends of their 95 % intervals, float64 [K] each."""

    value: FloatArray
    low: FloatArray
    high: FloatArray


class Figures(Struct, frozen=True, kw_only=True, eq=False):
    """What K thresholds give. ``cost`` and ``saved``, against all strong, in US dollars; None without known prices."""

    strong_share: Band
    quality: Band
    cost: Band | None
    saved: Band | None


def reach_of(requests: Requests, thresholds: FloatArray, when_unfamiliar: WhenUnfamiliar) -> IntArray:
    """At how many of the thresholds (rising, [K]) each request goes to the strong model: the first so many. int [N].

    As ``policy.decide``: from the win rate on down; what is unfamiliar goes where the operator says instead, but at
    exactly 0 and 1, which mean always and by the win rate.
    """
    reach = np.searchsorted(thresholds, requests.win_rate, side="right")
    if when_unfamiliar == "strong":
        between = np.searchsorted(thresholds, 1.0, side="left")
        reach = np.where(requests.unfamiliar, np.maximum(reach, between), reach)
    elif when_unfamiliar == "weak":
        none = np.searchsorted(thresholds, 0.0, side="right")
        reach = np.where(requests.unfamiliar, none, reach)
    return np.asarray(reach, np.intp)


def figures_at(
    requests: Requests, thresholds: FloatArray, *, when_unfamiliar: WhenUnfamiliar, ratios: Ratios, seed: int = 0
) -> Figures:
    """The figures of N requests, at least one, at K thresholds, strictly rising in 0..1."""
    reach = reach_of(requests, thresholds, when_unfamiliar)
    return figures(requests, reach, len(thresholds), ratios=ratios, seed=seed)


def figures_as_it_was(requests: Requests, *, ratios: Ratios, seed: int = 0) -> Figures | None:
    """The figures, K = 1, of the routes that the requests took; None where some were never answered."""
    if requests.went_strong is None:
        return None
    return figures(requests, requests.went_strong.astype(np.intp), 1, ratios=ratios, seed=seed)


def figures(requests: Requests, reach: IntArray, k: int, *, ratios: Ratios, seed: int = 0) -> Figures:
    """The figures where the first ``reach`` [N] of ``k`` thresholds send each request to the strong model."""
    sums = _Sums(requests, reach, k, ratios)
    told = sums.measured(np.ones((1, len(requests))), taken=True)
    steps = [sums.measured(weights, taken=False) for weights in _drawn(len(requests), seed)]
    drawn = {name: np.concatenate([step[name] for step in steps]) for name in steps[0]}
    bands = {name: _band(told[name][0], drawn[low], drawn[high]) for name, (low, high) in _ENDS.items() if name in told}
    return Figures(
        strong_share=bands["strong_share"],
        quality=bands["quality"],
        cost=bands.get("cost"),
        saved=bands.get("saved"),
    )


class _Sums:
    """Weighted sums over the requests at all thresholds at once, by sorting the requests once."""

    def __init__(self, requests: Requests, reach: IntArray, k: int, ratios: Ratios) -> None:
        order = np.argsort(reach, kind="stable")
        self._k = k
        self._places, self._starts = np.unique(reach[order], return_index=True)
        self._win_rate = requests.win_rate[order]
        self._dear = _Costs(requests, order, ratios) if requests.is_priced else None

    def measured(self, weights: FloatArray, *, taken: bool) -> dict[str, FloatArray]:
        """The figures, float64 [D, K], under D weightings [D, N] of the requests.

        Args:
            weights: how often each request counts, by rising reach.
            taken: at the lengths of answers that are taken; else both ends of costs at the lengths that may be.
        """
        strong, everybody = self._beyond(weights)
        found = {"strong_share": strong / everybody, "quality": self._quality(weights, strong / everybody)}
        if self._dear is not None:
            for name, weak, dearer in self._dear.taken if taken else self._dear.ends:
                more, all_of_it = self._beyond(weights * dearer)
                least = (weights @ weak)[:, None]
                found[name] = least + more if name.startswith("cost") else all_of_it - more
        return found

    def _quality(self, weights: FloatArray, share: FloatArray) -> FloatArray:
        part, whole = self._beyond(weights * self._win_rate)
        # Where the strong model never wins there is no gap: any share of it is as good as another.
        return np.divide(part, whole, out=share.copy(), where=whole > 0)

    def _beyond(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Sums of values [D, N] over what goes to the strong model at each threshold, [D, K], and over all, [D, 1]."""
        binned = np.zeros((len(values), self._k + 1))
        binned[:, self._places] = np.add.reduceat(values, self._starts, axis=1)
        from_here = np.cumsum(binned[:, ::-1], axis=1)[:, ::-1]
        return from_here[:, 1:], from_here[:, :1]


class _Costs:
    """What requests cost, in the order of the sums: (name, on the weak route, how much more on the strong one)."""

    def __init__(self, requests: Requests, order: IntArray, ratios: Ratios) -> None:
        weak, weak_answer = requests.weak[order], requests.weak_answer[order]
        strong, strong_answer = requests.strong[order], requests.strong_answer[order]

        def on_weak(ratio: float) -> FloatArray:
            return weak + weak_answer / ratio

        def on_strong(ratio: float) -> FloatArray:
            return strong + strong_answer * ratio

        low, taken, high = ratios
        most, least = on_weak(low), on_weak(high)
        known = on_weak(taken)
        gap = on_strong(taken) - known
        self.taken = (("cost", known, gap), ("saved", known, gap))
        self.ends = (
            ("cost_low", least, on_strong(low) - least),
            ("cost_high", most, on_strong(high) - most),
            ("saved_low", most, on_strong(low) - most),
            ("saved_high", least, on_strong(high) - least),
        )


def _drawn(n: int, seed: int) -> Iterator[FloatArray]:
    """How often each of N requests is in each draw, float64 [D, N] a time."""
    random = np.random.default_rng(seed)
    left = DRAWS if n <= MANY else DRAWS_OF_MANY
    while left:
        d = min(left, max(1, _AT_ONCE // n))
        places = random.integers(0, n, (d, n)) + n * np.arange(d)[:, None]
        yield np.bincount(places.ravel(), minlength=d * n).reshape(d, n).astype(np.float64)
        left -= d


def _band(value: FloatArray, low: FloatArray, high: FloatArray) -> Band:
    ends = np.percentile(low, TAIL, axis=0), np.percentile(high, 100.0 - TAIL, axis=0)
    # A skew sample's own figure may lie beyond; an interval that leaves it out would mislead.
    return Band(value, np.minimum(ends[0], value), np.maximum(ends[1], value))
