"""The benchmarks that routers are measured on: prompts with what a weak and a strong model scored on each.

The files have the form of RouteLLM's own evaluation tables (mixtral-8x7b-instruct-v0.1 as the weak model,
gpt-4-1106-preview as the strong one). They are test sets: nothing here is ever used to fit, select or tune.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.errors import DataError
from training.evaluate.areas import area_of
from training.records import Drops, Pair
from training.tables import Row, read_rows
from training.text import number

FloatArray = NDArray[np.float64]

BENCHMARKS = ("mt-bench", "mmlu", "gsm8k")
"""Names that :meth:`Benchmark.load` knows."""

WEAK_MODELS = ("mistralai/Mixtral-8x7B-Instruct-v0.1", "weak")
STRONG_MODELS = ("gpt-4-1106-preview", "strong")
"""What the two models may be called in the scores of MT-Bench: as in RouteLLM's table, or by their part."""

SUFFIXES = (".jsonl.gz", ".jsonl", ".json", ".parquet", ".csv")


class Benchmark:
    """Prompts, and the score of the weak and of the strong model on each.

    Attributes:
        name: what it is called in reports.
        prompts: the texts that are routed on.
        weak: float64[N], the weak model's score of each prompt (percent for right/wrong sets, else points).
        strong: float64[N], the strong model's.
        categories: what kind of prompt each is, where the table says so, else empty.
    """

    def __init__(
        self,
        name: str,
        prompts: Sequence[str],
        weak: FloatArray,
        strong: FloatArray,
        categories: Sequence[str] = (),
    ) -> None:
        if not len(prompts):
            message = f"benchmark {name}: it has no rows; check the file that it was read from"
            raise DataError(message)
        if not (len(prompts) == len(weak) == len(strong)):
            message = f"benchmark {name}: {len(prompts)} prompts, {len(weak)} weak and {len(strong)} strong scores"
            raise DataError(message)
        self.name = name
        self.prompts = tuple(prompts)
        self.weak = np.asarray(weak, dtype=np.float64)
        self.strong = np.asarray(strong, dtype=np.float64)
        self.categories = tuple(categories)

    def __len__(self) -> int:
        return len(self.prompts)

    @property
    def weak_mean(self) -> float:
        """What always answering with the weak model scores."""
        return float(self.weak.mean())

    @property
    def strong_mean(self) -> float:
        """What always answering with the strong model scores."""
        return float(self.strong.mean())

    @classmethod
    def from_pairs(cls, name: str, pairs: Sequence[Pair]) -> Benchmark:
        """A benchmark of one's own rows."""
        weak = np.array([pair.weak for pair in pairs], dtype=np.float64)
        strong = np.array([pair.strong for pair in pairs], dtype=np.float64)
        categories = [pair.category for pair in pairs] if any(pair.category for pair in pairs) else ()
        return cls(name, [pair.prompt for pair in pairs], weak, strong, categories)

    @classmethod
    def load(cls, name: str, folder: Path) -> Benchmark:
        """Read benchmark ``name`` (one of :data:`BENCHMARKS`) from a folder in the form of ``routellm_evals``.

        ``folder`` may also be the data folder that holds ``routellm_evals``. Rows marked ``contaminated`` are left
        out, as RouteLLM does.

        Raises:
            DataError: no such benchmark, no file for it, or a row that cannot be read; says which, and the remedy.
        """
        if name not in BENCHMARKS:
            message = f"no benchmark is called {name!r}; choose one of {', '.join(BENCHMARKS)}"
            raise DataError(message)
        convert = _mt_bench_pair if name == "mt-bench" else _graded_pair
        rows = read_rows(benchmark_file(name, folder), Drops(), name)
        pairs = [convert(row, name) for row in rows if not _is_contaminated(row)]
        return cls.from_pairs(name, pairs)


def benchmark_file(name: str, folder: Path) -> Path:
    """The file of benchmark ``name`` below ``folder``.

    Raises:
        DataError: there is none.
    """
    stem = name.replace("-", "_")
    for place in (folder, folder / "routellm_evals"):
        for suffix in SUFFIXES:
            path = place / f"{stem}{suffix}"
            if path.is_file():
                return path
    message = f"{folder}: found no {stem}.jsonl.gz there; pass the folder that holds RouteLLM's evaluation tables"
    raise DataError(message)


def _is_contaminated(row: Row) -> bool:
    try:
        return bool(number(row.values.get("contaminated") or 0))
    except (TypeError, ValueError) as error:
        raise _unusable(row, "true or false for contaminated") from error


def _graded_pair(row: Row, source: str) -> Pair:
    values = row.values
    try:
        return Pair(
            prompt=_text(values["prompt"]),
            weak=100.0 * number(values["weak_correct"]),
            strong=100.0 * number(values["strong_correct"]),
            source=source,
            category=area_of(str(values["domain"])) if values.get("domain") else "",
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _unusable(row, "prompt, weak_correct and strong_correct") from error


def _mt_bench_pair(row: Row, source: str) -> Pair:
    try:
        prompt, scores = row.values["turns"][0], row.values["scores"]
        weak, strong = (_mean_of_turns(scores, names) for names in (WEAK_MODELS, STRONG_MODELS))
        category = str(row.values.get("category") or "")
        return Pair(prompt=_text(prompt), weak=weak, strong=strong, source=source, category=category)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        models = f"{' or '.join(WEAK_MODELS)} and {' or '.join(STRONG_MODELS)}"
        raise _unusable(row, f"turns, and scores of {models}") from error


def _mean_of_turns(scores: dict[str, list[float]], names: tuple[str, ...]) -> float:
    known = [scores[name] for name in names if name in scores]
    return float(np.mean(known[0]))  # no known name: an IndexError, which the caller turns into a sentence


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _unusable(row: Row, expected: str) -> DataError:
    return DataError(
        f"{row.place}: a benchmark row needs {expected}; this one has {', '.join(row.values) or 'nothing'}"
    )
