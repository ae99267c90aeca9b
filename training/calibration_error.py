"""How far win rates lie from what happened, less what chance alone would show.

The plain expected calibration error is never zero, however good the win rates: a bin of n prompts misses its mean by
about one over the root of n. Taking the expected square of that out of each bin's squared gap leaves what is due to the
win rates (Broecker 2012; Kumar, Liang and Ma 2019, "Verified uncertainty calibration").
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

BINS = 10
RESAMPLES = 200
CONFIDENCE = 95.0


class CalibrationError(Struct, frozen=True, kw_only=True):
    """Debiased calibration error over ``n`` prompts, 0..1, with its 95 % interval by resampling the prompts."""

    n: int
    error: float
    ci: tuple[float, float]


def calibration_error(win_rates: FloatArray, wins: FloatArray, *, seed: int = 0) -> CalibrationError:
    """Measure the debiased calibration error.

    Args:
        win_rates: float64 [N], of prompts that taught neither the score nor the calibration.
        wins: float64 [N], whether the strong answer was strictly better, or how often.
        seed: fixes the resamples.
    """
    order = np.argsort(win_rates, kind="stable")
    ranked, won = win_rates[order], wins[order]
    random = np.random.default_rng(seed)
    draws = (np.sort(random.integers(0, len(order), len(order))) for _ in range(RESAMPLES))
    errors = [_debiased(ranked[draw], won[draw]) for draw in draws]
    tail = (100.0 - CONFIDENCE) / 2
    low, high = np.percentile(errors, [tail, 100.0 - tail])
    return CalibrationError(n=len(order), error=_debiased(ranked, won), ci=(float(low), float(high)))


def _debiased(ranked: FloatArray, won: FloatArray) -> float:
    """Mean over bins of equally many prompts, ``ranked`` by win rate, of the gap without its sampling variance."""
    total = 0.0
    for rates, wins in zip(np.array_split(ranked, BINS), np.array_split(won, BINS), strict=True):
        if len(wins) > 1:
            gap = float((rates - wins).mean())
            chance = float(wins.var(ddof=1)) / len(wins)
            total += len(wins) * float(np.sqrt(max(gap * gap - chance, 0.0)))
    return total / len(ranked)
