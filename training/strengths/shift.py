"""Moving win rates to another base rate: one shift of all log-odds, so that prompts rank as before.

The artifact's curve says how win rates are spread over prompts: the share of prompts at or above each threshold. The
shift is the one under which their mean is the base rate; thresholds move with the win rates, shares and quality stay.
"""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from router.scoring.calibration import Calibrator
from router.scoring.curve import Curve, CurvePoints
from router.scoring.reference import Distribution, Reference

FloatArray = NDArray[np.float64]

QUANTILES = 200
FARTHEST = 20.0
"""Log-odds; no base rate that is asked for needs a longer shift."""

BISECTIONS = 60
EDGE = 1e-6
DECIMALS = 6
SHIFT_DECIMALS = 10


def shift_to(curve: Curve, base_rate: float) -> float:
    """The shift in log-odds under which the mean win rate over the curve's prompts is ``base_rate``, 0..1 excluded."""
    logits = _logit(_typical_win_rates(curve))
    low, high = -FARTHEST, FARTHEST
    for _ in range(BISECTIONS):
        middle = (low + high) / 2.0
        if float(sigmoid(logits + middle).mean()) < base_rate:
            low = middle
        else:
            high = middle
    return round((low + high) / 2.0, SHIFT_DECIMALS)


def shifted_calibrator(calibrator: Calibrator, shift: float) -> Calibrator:
    """The same map with every log-odds ``shift`` higher."""
    return Calibrator(calibrator.scores, calibrator.logits + shift)


def shifted_curve(curve: Curve, shift: float) -> Curve:
    """The same shares and qualities at the shifted thresholds; points that rounding makes one are one."""
    inner = slice(1, -1)
    moved = np.round(sigmoid(_logit(curve.threshold[inner]) + shift), DECIMALS)
    thresholds, first = np.unique(moved, return_index=True)
    kept = (thresholds > 0.0) & (thresholds < 1.0)
    return Curve(
        CurvePoints(
            threshold=thresholds[kept].tolist(),
            strong_share=curve.strong_share[inner][first[kept]].tolist(),
            quality=curve.quality[inner][first[kept]].tolist(),
        )
    )


def shifted_reference(reference: Reference, shift: float) -> Reference:
    """The same shares of the prompts in bins of shifted win rates; bins that rounding makes empty are joined."""
    found = reference.win_rate
    moved = np.round(sigmoid(_logit(np.array(found.edges)) + shift), DECIMALS)
    edges, first = np.unique(moved, return_index=True)
    shares = np.add.reduceat(np.array(found.shares), np.concatenate([[0], first + 1]))
    joined = Distribution(edges=edges.tolist(), shares=np.round(shares, DECIMALS).tolist())
    return replace(reference, win_rate=joined)


def _typical_win_rates(curve: Curve) -> FloatArray:
    """Win rates at equal steps of share. The curve's ends, 0 and 1, are no win rates; the nearest measured ones are."""
    shares = (np.arange(QUANTILES) + 0.5) / QUANTILES
    found: FloatArray = np.interp(shares, curve.strong_share[::-1], curve.threshold[::-1])
    inner = curve.threshold[1:-1]
    if not len(inner):
        return found
    bounded: FloatArray = np.clip(found, inner.min(), inner.max())
    return bounded


def _logit(values: FloatArray) -> FloatArray:
    inside = np.clip(values, EDGE, 1.0 - EDGE)
    odds: FloatArray = np.log(inside / (1.0 - inside))
    return odds


def sigmoid(values: FloatArray) -> FloatArray:
    """Log-odds to probabilities, float64 of the same shape."""
    chance: FloatArray = 1.0 / (1.0 + np.exp(-values))
    return chance
