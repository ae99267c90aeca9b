"""How far win rates lie from what happened, less what chance alone would show.

The plain expected calibration error is never zero, however good the win rates: a bin of n prompts misses its mean by
about one over the root of n. Taking the expected square of that out of each bin's squared gap leaves what is due to the
win rates (Broecker 2012; Kumar, Liang and Ma 2019, "Verified uncertainty calibration").
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from training.evaluate.bootstrap import interval

FloatArray = NDArray[np.float64]

BINS = 10
RESAMPLES = 200


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
    # A resample has the luck of the sample, and its own.
    errors = [_root(_squared_error(ranked[draw], won[draw], lucks=2)) for draw in draws]
    return CalibrationError(n=len(order), error=debiased_error(win_rates, wins), ci=interval(np.array(errors)))


def debiased_error(win_rates: FloatArray, wins: FloatArray) -> float:
    """Root mean square of win rate less share of wins over ``BINS`` equally full bins, what chance adds taken off."""
    order = np.argsort(win_rates, kind="stable")
    return _root(_squared_error(win_rates[order], wins[order], lucks=1))


def _squared_error(ranked: FloatArray, won: FloatArray, *, lucks: int) -> float:
    """Mean squared gap over bins of prompts ``ranked`` by win rate, less its sampling variance ``lucks`` times."""
    total = 0.0
    for rates, wins in zip(np.array_split(ranked, BINS), np.array_split(won, BINS), strict=True):
        if len(wins) > 1:
            gap = float((rates - wins).mean())
            total += len(wins) * (gap * gap - lucks * float(wins.var(ddof=1)) / len(wins))
    return total / len(ranked)


def _root(squared_error: float) -> float:
    return float(np.sqrt(max(squared_error, 0.0)))
