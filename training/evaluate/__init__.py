"""Measuring a router by RouteLLM's protocol, next to random choice, prompt length and an oracle."""

from training.evaluate.baselines import length_result, oracle_result, random_result
from training.evaluate.benchmarks import BENCHMARKS, Benchmark
from training.evaluate.measured import measured_json
from training.evaluate.protocol import apgr, call_performance_threshold, curve
from training.evaluate.report import report_json
from training.evaluate.result import BenchmarkResult, evaluate

__all__ = [
    "BENCHMARKS",
    "Benchmark",
    "BenchmarkResult",
    "apgr",
    "call_performance_threshold",
    "curve",
    "evaluate",
    "length_result",
    "measured_json",
    "oracle_result",
    "random_result",
    "report_json",
]
