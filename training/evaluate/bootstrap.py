"""Confidence intervals by resampling the prompts of a benchmark.

A resample is a count for each prompt. Prompts are ranked once; the eleven points of a resample's curve are then read
off cumulative sums, because all copies of a prompt have the same two scores. That costs one pass over the prompts
for each resample instead of a sort.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from training.evaluate.benchmarks import Benchmark
from training.evaluate.protocol import (
    FloatArray,
    IntArray,
    apgr,
    call_performance_threshold,
    weak_counts,
)

CONFIDENCE = 95.0
"""Percent of the resamples that an interval holds."""

RESAMPLES = 2000


def resampled_metrics(
    benchmark: Benchmark, orders: list[IntArray], *, resamples: int, seed: int
) -> NDArray[np.float64]:
    """APGR, CPT50 and CPT80 of each order in each resample, float64[resamples, len(orders), 3].

    All orders see the same resamples, so that differences between them are paired. NaN where the strong model
    happens not to be better than the weak one in a resample.
    """
    n = len(benchmark)
    counts_at = weak_counts(n)
    x = 100.0 * (n - counts_at) / n
    metrics = np.empty((resamples, len(orders), 3))
    for resample, copies in enumerate(_drawn(n, resamples, seed)):
        for position, order in enumerate(orders):
            y = _resampled_curve(benchmark, order, copies, counts_at)
            metrics[resample, position] = _metrics(x, y)
    return metrics


def resampled_curves(
    benchmark: Benchmark, order: IntArray, *, resamples: int = RESAMPLES, seed: int = 0
) -> NDArray[np.float64]:
    """Quality (PGR) at the eleven points in each resample, float64[resamples, 11], from always weak to always strong.

    NaN where the strong model happens not to be better than the weak one in a resample.
    """
    counts_at = weak_counts(len(benchmark))
    y = np.empty((resamples, len(counts_at)))
    for resample, copies in enumerate(_drawn(len(benchmark), resamples, seed)):
        y[resample] = _resampled_curve(benchmark, order, copies, counts_at)
    gap = y[:, -1:] - y[:, :1]
    return (y - y[:, :1]) / np.where(gap > 0, gap, np.nan)


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """The central 95 % of ``values``; resamples without a value (NaN) are left out."""
    tail = (100.0 - CONFIDENCE) / 2
    low, high = np.nanpercentile(values, [tail, 100.0 - tail])
    return float(low), float(high)


def _drawn(n: int, resamples: int, seed: int) -> Iterator[NDArray[np.intp]]:
    """How often each of ``n`` prompts is in each resample, int [n] a time."""
    random = np.random.default_rng(seed)
    for _ in range(resamples):
        yield np.bincount(random.integers(0, n, n), minlength=n)


def _resampled_curve(
    benchmark: Benchmark, order: IntArray, copies: NDArray[np.intp], counts_at: IntArray
) -> FloatArray:
    ranked = copies[order]
    positions = np.concatenate(([0], np.cumsum(ranked)))
    weak = np.concatenate(([0.0], np.cumsum(ranked * benchmark.weak[order])))
    strong = np.concatenate(([0.0], np.cumsum(ranked * benchmark.strong[order])))
    # A cut may fall among the copies of one prompt. They are alike, so the sums grow in a straight line there.
    y: FloatArray = np.interp(counts_at, positions, weak) + strong[-1] - np.interp(counts_at, positions, strong)
    return y / len(benchmark)


def _metrics(x: FloatArray, y: FloatArray) -> tuple[float, float, float]:
    if not y[-1] > y[0]:
        return (float("nan"),) * 3
    return apgr(x, y), call_performance_threshold(x, y, 0.5), call_performance_threshold(x, y, 0.8)
