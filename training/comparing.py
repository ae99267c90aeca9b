"""What two artifacts are compared on: benchmarks of a folder, or labels of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from router.errors import DataError
from router.scoring.manifest import Manifest, file_sha256
from router.scoring.scorer import Scorer
from training.evaluate import BENCHMARKS, Benchmark
from training.evaluate.benchmarks import benchmark_file
from training.evaluate.comparison import Comparison, compare_scores
from training.refit.labels import read_labels
from training.scoring import score_texts

PERCENT = 100.0


def benchmarks_in(folder: Path) -> list[Benchmark]:
    """The benchmarks whose tables lie in ``folder``.

    Raises:
        DataError: there are none, or one cannot be read.
    """
    names = [name for name in BENCHMARKS if _is_there(name, folder)]
    if not names:
        raise DataError(f"{folder}: holds no table of {', '.join(BENCHMARKS)}; give a folder that does, or --labels")
    return [Benchmark.load(name, folder) for name in names]


def benchmark_of_labels(path: Path) -> Benchmark:
    """Labels as a benchmark in percent; where nobody graded the strong model, it is taken to be right.

    Raises:
        DataError: no labels, or the strong model gains nothing on them, so that no order of prompts is better.
    """
    labels = read_labels(path).labels
    weak = PERCENT * np.array([label.weak for label in labels])
    gain = PERCENT * np.array([label.gain for label in labels])
    if gain.sum() <= 0:
        raise DataError(
            f"{path}: the strong model is no better than the weak one on these {len(labels)} labels, so there is "
            "no gap to recover; label prompts on which it is"
        )
    return Benchmark(path.name, [label.prompt for label in labels], weak, weak + gain)


def comparisons(first: Scorer, second: Scorer, benchmarks: list[Benchmark]) -> Iterator[Comparison]:
    """One comparison for each benchmark: ``first`` is a, ``second`` is b."""
    for benchmark in benchmarks:
        scores_a, scores_b = (score_texts(scorer, benchmark.prompts)[0] for scorer in (first, second))
        yield compare_scores(benchmark, scores_a, scores_b)


def was_fitted_on(manifest: Manifest, path: Path) -> bool:
    """Whether an artifact learned from this very file, in which case the file flatters it."""
    digest = file_sha256(path)
    return any(source.get("sha256") == digest for source in manifest.training_data)


def _is_there(name: str, folder: Path) -> bool:
    try:
        benchmark_file(name, folder)
    except DataError:
        return False
    return True
