"""The report that ``train-router evaluate --json`` prints."""

from __future__ import annotations

from typing import Any

from training.evaluate.baselines import length_result, oracle_result, random_result
from training.evaluate.benchmarks import Benchmark
from training.evaluate.protocol import FloatArray
from training.evaluate.result import DECIMALS, evaluate


def report_json(benchmark: Benchmark, scores: FloatArray, artifact: str) -> dict[str, Any]:
    """The report of one artifact on one benchmark, next to length, random and oracle, ready for JSON.

    Args:
        benchmark: the prompts, and what both models scored on them.
        scores: float64[N], what the artifact scored them.
        artifact: the name and version of the artifact, such as ``default/1``.
    """
    router = evaluate(benchmark, scores)
    return {
        "benchmark": benchmark.name,
        "n": router.n,
        "weak": round(router.weak, DECIMALS),
        "strong": round(router.strong, DECIMALS),
        "router": router.figures(),
        "length": length_result(benchmark).figures(),
        "random": random_result(benchmark).figures(),
        "oracle": oracle_result(benchmark).figures(),
        "artifact": artifact,
    }
