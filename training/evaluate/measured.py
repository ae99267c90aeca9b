"""The record of one benchmark that a training run leaves in the manifest: all that tables and figures show of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluate.areas import OTHER
from training.evaluate.baselines import length_scores, oracle_scores
from training.evaluate.benchmarks import Benchmark
from training.evaluate.bootstrap import RESAMPLES, interval, resampled_curves
from training.evaluate.protocol import FloatArray, IntArray, curve, ranking
from training.evaluate.report import report_json
from training.evaluate.result import evaluate

BoolArray = NDArray[np.bool_]

DECIMALS = 4
"""Of curves and bands: enough to draw, and equal on machines that sum in another order."""

FEWEST_PROMPTS = 8
"""Resampling fewer says nothing about other prompts of their kind."""

ALL = "all"
"""Name of the row that holds every prompt."""


def measured_json(
    benchmark: Benchmark, scores: FloatArray, win_rates: FloatArray, *, threshold: float, artifact: str
) -> dict[str, Any]:
    """``report_json`` and beside it the curve with its band, the baselines' curves, and every category.

    Args:
        benchmark: the prompts, and what both models scored on them.
        scores: float64[N], what the artifact scored them; only their order counts.
        win_rates: float64[N], the same calibrated.
        threshold: of the operating point at which the categories are read.
        artifact: name and version, such as ``default/1``.
    """
    return report_json(benchmark, scores, artifact) | {
        **_curves(benchmark, scores),
        "threshold": threshold,
        "categories": categories(benchmark, win_rates >= threshold),
    }


def measured_curves(benchmark: Benchmark, scores: FloatArray) -> dict[str, Any]:
    """The part of the record that needs no win rates: ``n``, APGR with its interval, ``curve`` and ``baselines``."""
    return {"n": len(benchmark), "router": evaluate(benchmark, scores).figures(), **_curves(benchmark, scores)}


def _curves(benchmark: Benchmark, scores: FloatArray) -> dict[str, Any]:
    return {
        "curve": curve_with_band(benchmark, scores),
        "baselines": {
            "length": plain_curve(benchmark, length_scores(benchmark)),
            "oracle": plain_curve(benchmark, oracle_scores(benchmark)),
        },
    }


def plain_curve(benchmark: Benchmark, scores: FloatArray) -> dict[str, list[float]]:
    """The eleven points of RouteLLM's protocol as shares: ``strong_share`` 0..1 and ``quality`` (PGR)."""
    x, y = curve(scores, benchmark.weak, benchmark.strong, benchmark.prompts)
    quality = (y - benchmark.weak_mean) / (benchmark.strong_mean - benchmark.weak_mean)
    return {"strong_share": _rounded(x / 100.0), "quality": _rounded(quality)}


def curve_with_band(benchmark: Benchmark, scores: FloatArray) -> dict[str, list[float]]:
    """``plain_curve`` with ``low`` and ``high``: at each point, 95 % of resamples of the prompts lie between them."""
    qualities = resampled_curves(benchmark, ranking(scores, benchmark.prompts))
    bounds = np.array([interval(column) for column in qualities.T])
    return plain_curve(benchmark, scores) | {"low": _rounded(bounds[:, 0]), "high": _rounded(bounds[:, 1])}


def categories(benchmark: Benchmark, strong: BoolArray) -> list[dict[str, Any]]:
    """One row for each category, by name, and at the end one for all prompts: what sending ``strong`` [N] gives there.

    ``weak`` and ``strong`` are mean scores, ``strong_share`` 0..1, ``quality`` (PGR) with its 95 % interval over
    prompts. Quality is None where there are too few prompts, or no clear gap to recover.
    """
    kinds = np.array(benchmark.categories or [""] * len(benchmark))
    names = sorted({*benchmark.categories}, key=lambda name: (name == OTHER, name))
    rows = [_category(name, benchmark, strong, kinds == name) for name in names]
    return [*rows, _category(ALL, benchmark, strong, np.full(len(benchmark), fill_value=True))]


def _category(name: str, benchmark: Benchmark, strong: BoolArray, here: BoolArray) -> dict[str, Any]:
    gain = (benchmark.strong - benchmark.weak)[here]
    recovered = np.where(strong[here], gain, 0.0)
    quality, bounds = _ratio_with_interval(recovered, gain)
    return {
        "category": name,
        "n": int(here.sum()),
        "weak": round(float(benchmark.weak[here].mean()), DECIMALS),
        "strong": round(float(benchmark.strong[here].mean()), DECIMALS),
        "strong_share": round(float(strong[here].mean()), DECIMALS),
        "quality": quality,
        "quality_ci": bounds,
    }


def _ratio_with_interval(part: FloatArray, whole: FloatArray) -> tuple[float | None, list[float] | None]:
    """Sum of ``part`` over sum of ``whole`` with its interval; None where the latter is too uncertain to divide by."""
    n = len(whole)
    if n < FEWEST_PROMPTS:
        return None, None
    random = np.random.default_rng(0)
    draws = np.array([_sums(part, whole, random.integers(0, n, n)) for _ in range(RESAMPLES)])
    if interval(draws[:, 1])[0] <= 0:
        return None, None
    low, high = interval(draws[:, 0] / np.where(draws[:, 1] > 0, draws[:, 1], np.nan))
    return round(float(part.sum() / whole.sum()), DECIMALS), [round(low, DECIMALS), round(high, DECIMALS)]


def _sums(part: FloatArray, whole: FloatArray, drawn: IntArray) -> tuple[float, float]:
    return float(part[drawn].sum()), float(whole[drawn].sum())


def _rounded(values: FloatArray) -> list[float]:
    rounded: list[float] = np.round(values, DECIMALS).tolist()
    return rounded
