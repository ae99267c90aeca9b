"""From scored rows to the cheapest threshold that keeps a promise (learn then test).

Candidates are all thresholds with six decimals (four, for a quality on very many rows), tested in an order that was
fixed before any row was seen: from the one that keeps the promise for certain towards the cheapest. The last before the
first that fails is taken. Then one test alone decides whether a threshold that breaks the promise is taken, the first
such in that order, and the choice costs nothing of the confidence: fixed-sequence testing as in Angelopoulos, Bates,
Candès, Jordan and Lei, "Learn then test", arXiv 2110.01052. Since a test changes only where a row changes sides, few
need be made.

What it rests on: the rows are independent draws from the traffic that the promise is to hold for. Over that traffic it
holds with more than the stated confidence. What is left over pays for the luck that a later stretch of requests has of
its own, where that is as long as the rows: exactly for strong shares, and for grades of the weak model alone (a stretch
with as many prompts that it fails as the rows have); by simulation for grades of both models (``training/LOG.md``).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from router.scoring.curve import Promise
from training.promise.betting import mean_is_positive
from training.promise.exact import most_cases_before
from training.promise.rows import Rows

FloatArray = NDArray[np.float64]

STEPS = 1_000_000
"""Thresholds are whole multiples of 1 / STEPS."""

COARSE_STEPS = 10_000
MANY_ROWS = 10_000
"""From so many rows on, a quality is tested at whole 1 / COARSE_STEPS only: each test reads all of them."""

VALUES_AT_ONCE = 500_000
LEVEL_OF_ROWS = 0.5
"""Part of the level that the test of a quality may use up; the other is left to the luck of later requests."""

ORDER_SEED = 20_240_215
"""The bettor sees the rows in a random order of ours, since that of a file may be sorted by anything."""


def promised_threshold(rows: Rows, promise: Promise) -> float | None:
    """The cheapest threshold that keeps a promise, by these rows; None where they show it of none.

    Raises:
        ValueError: a quality is promised on rows without gains.
    """
    level = 1.0 - promise.confidence
    if promise.kind == "strong_share":
        return _for_strong_share(rows.win_rates, promise, level)
    if rows.gains is None:
        raise ValueError("a quality needs rows with gains")
    if rows.gains_are_all_or_nothing:
        return _for_share_of_gains(rows.win_rates[rows.gains > 0], promise.target, level)
    level *= LEVEL_OF_ROWS
    return _for_quality(rows.win_rates, rows.gains, promise.target, level, lowest_gain=rows.lowest_gain)


def saves(win_rates: FloatArray, threshold: float) -> bool:
    """Whether any row goes to the weak model."""
    return bool((win_rates < threshold).any())


def _for_strong_share(win_rates: FloatArray, promise: Promise, level: float) -> float | None:
    """The lowest threshold with so few strong rows that the share behind them is at most the target."""
    later = len(win_rates) if promise.requests is None else promise.requests
    allowed = most_cases_before(len(win_rates), promise.target, later=later, level=level)
    if allowed < 0:
        return None
    descending = np.sort(win_rates)[::-1]
    threshold = _above(float(descending[allowed]))
    return threshold if threshold <= 1.0 else None


def _for_share_of_gains(win_rates: FloatArray, quality: float, level: float) -> float | None:
    """Where a gain is 0 or 1, quality is the share of the rows with a gain that go to the strong model.

    Args:
        win_rates: float64 [M], of the rows with a gain.
        quality: the least share of them.
        level: as above.
    """
    gains = len(win_rates)
    allowed = most_cases_before(gains, 1.0 - quality, later=gains, level=level) if gains else -1
    return None if allowed < 0 else float(_at_or_below(np.sort(win_rates)[allowed : allowed + 1], STEPS)[0])


def _for_quality(
    win_rates: FloatArray, gains: FloatArray, quality: float, level: float, *, lowest_gain: float
) -> float | None:
    """The cheapest threshold of the sequence whose quality, E[gain where strong] / E[gain], is shown to be above Q.

    That is so where gain x (1 - Q) on strong rows and -gain x Q on weak ones has a mean above zero. At threshold 0,
    where the sequence begins, that mean is (1 - Q) E[gain]: what is shown first is that there is a gap. A row without
    a gain is zero at every threshold, and says nothing.
    """
    telling = np.flatnonzero(gains)
    telling = np.random.default_rng(ORDER_SEED).permutation(telling)
    win_rates, gains = win_rates[telling], gains[telling]
    lowest = min(lowest_gain * (1.0 - quality), -quality)
    kept = None
    candidates = np.unique(_at_or_below(win_rates, STEPS if len(win_rates) < MANY_ROWS else COARSE_STEPS))
    at_once = max(VALUES_AT_ONCE // max(len(win_rates), 1), 1)
    for start in range(0, len(candidates), at_once):
        block = candidates[start : start + at_once]
        strong = win_rates[None, :] >= block[:, None]
        passed = mean_is_positive(np.where(strong, 1.0 - quality, -quality) * gains, lowest=lowest, level=level)
        good = len(block) if passed.all() else int(np.argmin(passed))
        if good:
            kept = float(block[good - 1])
        if good < len(block):
            break
    return kept


def _at_or_below(win_rates: FloatArray, steps: int) -> FloatArray:
    """The nearest candidates that still send these win rates to the strong model: float64 of the same shape.

    Between two of them that rows call for, no row changes sides, and a test would say the same again.
    """
    near = np.floor(win_rates * steps)
    near -= near / steps > win_rates
    near += (near + 1) / steps <= win_rates
    return np.asarray(near / steps)


def _above(win_rate: float) -> float:
    """The nearest candidate that sends this win rate to the weak model."""
    step = math.floor(win_rate * STEPS)
    return next(step / STEPS for step in (step, step + 1, step + 2) if step / STEPS > win_rate)
