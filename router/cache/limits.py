"""Clopper and Pearson's upper limit on a share, for counts that need not be whole.

Broken counts arise where a trial counts for a part; between whole ones the limit moves smoothly, since the binomial's
tail is an incomplete beta function. (Limits for whole counts: ``router.scoring.verifier.evidence``.)
"""

from __future__ import annotations

import math

from router.scoring.verifier.evidence import CONFIDENCE

_STEPS = 60
"""Halvings of a range: enough for all digits that a float has."""

_MOST_TERMS = 10_000
_SMALLEST = 1e-300
_PRECISE = 1e-14


def holds(cases: float, trials: float, share: float) -> bool:
    """Whether ``cases`` among ``trials`` show, at ``CONFIDENCE``, that the share behind them is at most ``share``."""
    return _at_most(cases, trials, share) <= 1.0 - CONFIDENCE


def most_cases(trials: float, share: float) -> float:
    """The most cases among ``trials`` for which the same holds; 0.0 where not even none would do."""
    low, high = 0.0, trials
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle, trials, share) else (low, middle)
    return low


def _at_most(cases: float, trials: float, share: float) -> float:
    """The chance of at most ``cases`` among ``trials`` where each is one with the chance ``share``."""
    if cases >= trials or share <= 0.0:
        return 1.0
    return _incomplete_beta(trials - cases, cases + 1.0, 1.0 - share)


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b), by its continued fraction."""
    if x <= 0.0 or x >= 1.0:
        return min(max(x, 0.0), 1.0)
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - _incomplete_beta(b, a, 1.0 - x)
    front = a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return math.exp(front) / (a * _fraction(a, b, x))


def _fraction(a: float, b: float, x: float) -> float:
    """1 + d1 / (1 + d2 / (1 + ...)), by Lentz's method: from the front, each step one term nearer."""
    value = ahead = 1.0
    behind = 0.0
    for step in range(1, _MOST_TERMS):
        term = _term(step, a, b, x)
        behind = 1.0 / _apart_from_zero(1.0 + term * behind)
        ahead = _apart_from_zero(1.0 + term / ahead)
        value *= ahead * behind
        if abs(ahead * behind - 1.0) < _PRECISE:
            break
    return value


def _term(step: int, a: float, b: float, x: float) -> float:
    m, odd = divmod(step, 2)
    if odd:
        return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
    return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))


def _apart_from_zero(value: float) -> float:
    return value if abs(value) > _SMALLEST else _SMALLEST
