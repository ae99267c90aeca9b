"""What a router reached on a benchmark."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from training.evaluate.benchmarks import Benchmark
from training.evaluate.bootstrap import RESAMPLES, interval, resampled_metrics
from training.evaluate.protocol import FloatArray, apgr, as_scores, call_performance_threshold, curve, ranking

DECIMALS = 6
"""Digits after the point in reports: enough to recover every figure, short enough to read."""


class BenchmarkResult(Struct, frozen=True, kw_only=True):
    """One router on one benchmark.

    ``apgr`` is a ratio; ``cpt50`` and ``cpt80`` are percent of calls to the strong model. The ``_ci`` fields are 95 %
    intervals over the prompts (for the random router: over its runs). ``strong_share`` (percent, ascending) and
    ``quality`` (mean routed score) are the eleven points of the curve.
    """

    benchmark: str
    n: int
    weak: float
    strong: float
    apgr: float
    apgr_ci: tuple[float, float]
    cpt50: float
    cpt50_ci: tuple[float, float]
    cpt80: float
    cpt80_ci: tuple[float, float]
    strong_share: tuple[float, ...]
    quality: tuple[float, ...]

    def figures(self) -> dict[str, Any]:
        """APGR, CPT50 and CPT80 with their intervals, rounded, as they stand in reports."""
        return {
            "apgr": round(self.apgr, DECIMALS),
            "apgr_ci": _rounded(self.apgr_ci),
            "cpt50": round(self.cpt50, DECIMALS),
            "cpt50_ci": _rounded(self.cpt50_ci),
            "cpt80": round(self.cpt80, DECIMALS),
            "cpt80_ci": _rounded(self.cpt80_ci),
        }


def evaluate(benchmark: Benchmark, scores: FloatArray, *, resamples: int = RESAMPLES, seed: int = 0) -> BenchmarkResult:
    """Measure a router by the scores it gave.

    Args:
        benchmark: the prompts, and what both models scored on them.
        scores: float64[N], one for each prompt of ``benchmark``, higher meaning stronger. Only their order counts.
        resamples: how often the prompts are drawn again for the intervals.
        seed: fixes the draws.

    Raises:
        ValueError: the scores do not match the prompts, or are not finite.
    """
    scores = as_scores(scores, len(benchmark))
    x, y = curve(scores, benchmark.weak, benchmark.strong, benchmark.prompts)
    order = ranking(scores, benchmark.prompts)
    spread = resampled_metrics(benchmark, [order], resamples=resamples, seed=seed)[:, 0]
    return result_of_curve(benchmark, x, y, spread)


def result_of_curve(benchmark: Benchmark, x: FloatArray, y: FloatArray, spread: FloatArray) -> BenchmarkResult:
    """The result of a finished curve; ``spread`` float64[draws, 3] holds APGR, CPT50 and CPT80 of each draw."""
    return BenchmarkResult(
        benchmark=benchmark.name,
        n=len(benchmark),
        weak=benchmark.weak_mean,
        strong=benchmark.strong_mean,
        apgr=apgr(x, y),
        apgr_ci=interval(spread[:, 0]),
        cpt50=call_performance_threshold(x, y, 0.5),
        cpt50_ci=interval(spread[:, 1]),
        cpt80=call_performance_threshold(x, y, 0.8),
        cpt80_ci=interval(spread[:, 2]),
        strong_share=tuple(x.tolist()),
        quality=tuple(y.tolist()),
    )


def _rounded(bounds: tuple[float, float]) -> list[float]:
    return [round(bound, DECIMALS) for bound in bounds]
