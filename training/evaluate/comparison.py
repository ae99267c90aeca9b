"""Two routers on the same prompts: how far apart they are, and whether these prompts can show it."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from training.evaluate.benchmarks import Benchmark
from training.evaluate.bootstrap import RESAMPLES, interval, resampled_metrics
from training.evaluate.protocol import FloatArray, apgr, as_scores, call_performance_threshold, curve, ranking

DECIMALS = 6

METRICS = ("apgr", "cpt50", "cpt80")
LOWER_IS_BETTER = frozenset({"cpt50", "cpt80"})
"""CPTs are calls to the strong model that it takes, in percent; APGR is a ratio and better where it is higher."""


class MetricDifference(Struct, frozen=True, kw_only=True):
    """One metric of both routers.

    ``difference`` is b's value less a's, ``interval`` its 95 % interval over paired resamples of the prompts,
    ``share_b_better`` the share of resamples, 0..1, in which b was strictly better.
    """

    metric: str
    a: float
    b: float
    difference: float
    interval: tuple[float, float]
    share_b_better: float

    @property
    def shows(self) -> str | None:
        """Which router these prompts show to be better, ``a`` or ``b``; None where the interval covers 0."""
        low, high = self.interval
        if low <= 0.0 <= high:
            return None
        return "b" if (low > 0.0) != (self.metric in LOWER_IS_BETTER) else "a"


class Comparison(Struct, frozen=True, kw_only=True):
    """Two routers on one set of ``n`` prompts; ``same_order`` where they rank all of them alike."""

    benchmark: str
    n: int
    same_order: bool
    metrics: tuple[MetricDifference, ...]


def compare_scores(
    benchmark: Benchmark, scores_a: FloatArray, scores_b: FloatArray, *, resamples: int = RESAMPLES, seed: int = 0
) -> Comparison:
    """Compare two routers by the scores they gave, float64[N] each, higher meaning stronger; only the order counts.

    Every resample of the prompts is read by both routers, so what makes a resample easy or hard cancels out.
    """
    n = len(benchmark)
    both = [as_scores(scores, n) for scores in (scores_a, scores_b)]
    orders = [ranking(scores, benchmark.prompts) for scores in both]
    values_a, values_b = (_values(benchmark, scores) for scores in both)
    drawn = resampled_metrics(benchmark, orders, resamples=resamples, seed=seed)
    return Comparison(
        benchmark=benchmark.name,
        n=n,
        same_order=bool(np.array_equal(orders[0], orders[1])),
        metrics=tuple(
            _difference(metric, values_a[place], values_b[place], drawn[:, 1, place] - drawn[:, 0, place])
            for place, metric in enumerate(METRICS)
        ),
    )


def _values(benchmark: Benchmark, scores: FloatArray) -> tuple[float, float, float]:
    x, y = curve(scores, benchmark.weak, benchmark.strong, benchmark.prompts)
    return apgr(x, y), call_performance_threshold(x, y, 0.5), call_performance_threshold(x, y, 0.8)


def _difference(metric: str, a: float, b: float, drawn: FloatArray) -> MetricDifference:
    drawn = drawn[np.isfinite(drawn)]
    better = drawn < 0 if metric in LOWER_IS_BETTER else drawn > 0
    low, high = interval(drawn)
    return MetricDifference(
        metric=metric,
        a=round(a, DECIMALS),
        b=round(b, DECIMALS),
        difference=round(b - a, DECIMALS),
        interval=(round(low, DECIMALS), round(high, DECIMALS)),
        share_b_better=round(float(better.mean()), 4),
    )
