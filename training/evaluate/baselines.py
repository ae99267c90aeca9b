"""What every router is shown next to: guessing, the length of the prompt, and knowing the answers."""

from __future__ import annotations

import numpy as np

from training.evaluate.benchmarks import Benchmark
from training.evaluate.protocol import FloatArray, apgr, call_performance_threshold, curve_of_ranked
from training.evaluate.result import BenchmarkResult, evaluate, result_of_curve

RANDOM_RUNS = 1000


def length_scores(benchmark: Benchmark) -> FloatArray:
    """The length of each prompt in characters, float64[N]: what a router must beat to have learned anything."""
    return np.array([len(prompt) for prompt in benchmark.prompts], dtype=np.float64)


def oracle_scores(benchmark: Benchmark) -> FloatArray:
    """What the strong model gains over the weak one on each prompt, float64[N]: the best any order can do."""
    return benchmark.strong - benchmark.weak


def length_result(benchmark: Benchmark) -> BenchmarkResult:
    """The router that sends long prompts to the strong model."""
    return evaluate(benchmark, length_scores(benchmark))


def oracle_result(benchmark: Benchmark) -> BenchmarkResult:
    """The router that knows what both models will score."""
    return evaluate(benchmark, oracle_scores(benchmark))


def random_result(benchmark: Benchmark, *, runs: int = RANDOM_RUNS, seed: int = 0) -> BenchmarkResult:
    """The router that guesses: the mean curve of ``runs`` random orders; the intervals show how single runs spread."""
    random = np.random.default_rng(seed)
    curves = []
    for _ in range(runs):
        order = random.permutation(len(benchmark))
        curves.append(curve_of_ranked(benchmark.weak[order], benchmark.strong[order]))
    x = curves[0][0]
    spread = [(apgr(x, y), *(call_performance_threshold(x, y, share) for share in (0.5, 0.8))) for _, y in curves]
    mean = np.mean([y for _, y in curves], axis=0)
    return result_of_curve(benchmark, x, mean, np.array(spread))
