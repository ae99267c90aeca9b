"""What the cache's index costs and finds, by size. Run: ``python -m tests.bench.cache_index [--entries N ...]``.

All vectors are in one partition, the dearest case, and come from `tests.bench.questions`. Questions asked are real
rewordings of some of the real ones. Found is counted against comparing all. ``make soak`` does the same at a million.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from router.cache.index import FLAT_TO, FloatArray, PartitionIndex
from router.scoring.scorer import Scorer
from tests.bench.machine import machine
from tests.bench.questions import chunks_of_vectors, real_questions, vectors_of
from tests.bench.server import resident_mb

SIZES = (1_000, 10_000, 20_000, 50_000, 100_000)
QUESTIONS = 1_000
ROUNDS = 200
CANDIDATES = 4
ONLY = b"the only partition"


def median_us(work: Callable[[int], object], rounds: int = ROUNDS) -> float:
    """Median CPU microseconds of this thread for one call."""
    taken = []
    for number in range(rounds):
        started = time.thread_time_ns()
        work(number)
        taken.append(time.thread_time_ns() - started)
    return statistics.median(taken) / 1000


class Nearest:
    """The nearest of all vectors seen so far, for some questions: what an index should find."""

    def __init__(self, questions: FloatArray) -> None:
        self._questions = questions
        self._seen = 0
        self._similarities = np.full((len(questions), CANDIDATES), -np.inf, dtype=np.float32)
        self._numbers = np.zeros((len(questions), CANDIDATES), dtype=np.int64)

    def see(self, vectors: FloatArray) -> None:
        """Take the next vectors into account; they are numbered on."""
        similarities, numbers = faiss.knn(self._questions, vectors, CANDIDATES, metric=faiss.METRIC_INNER_PRODUCT)
        both = np.hstack([self._similarities, similarities])
        numbered = np.hstack([self._numbers, numbers + self._seen])
        order = np.argsort(-both, axis=1, kind="stable")[:, :CANDIDATES]
        self._similarities = np.take_along_axis(both, order, axis=1)
        self._numbers = np.take_along_axis(numbered, order, axis=1)
        self._seen += len(vectors)

    @property
    def numbers(self) -> npt.NDArray[np.int64]:
        """Numbers of the nearest, shape [questions, CANDIDATES], nearest first."""
        return self._numbers


def measure(size: int, real: FloatArray, questions: FloatArray) -> dict[str, Any]:
    """Fill an index, ask it, and change it.

    Args:
        size: vectors in it.
        real: those to begin with; see `chunks_of_vectors`.
        questions: unit vectors to ask for.
    """
    faiss.omp_set_num_threads(1)
    index, nearest, keys = PartitionIndex(), Nearest(questions), [b"%032d" % number for number in range(size)]
    resident, used = resident_mb(os.getpid()), time.process_time()
    filled = 0
    for chunk in chunks_of_vectors(real, size):
        started = time.process_time()
        nearest.see(chunk)
        used += time.process_time() - started
        for vector in chunk:
            index.add(ONLY, keys[filled], vector)
            filled += 1
    index.wait()
    used, resident = time.process_time() - used, resident_mb(os.getpid()) - resident
    found = [[int(near.exact) for near in index.nearest(ONLY, question, CANDIDATES)] for question in questions]
    pairs = list(zip(found, nearest.numbers.tolist(), strict=True))
    extra = next(chunks_of_vectors(real[::-1], ROUNDS))
    return {
        "entries": size,
        "lookup_us": median_us(lambda n: index.nearest(ONLY, questions[n], CANDIDATES)),
        "recall_at_1": float(np.mean([got[0] == best[0] for got, best in pairs])),
        "recall_at_4": float(np.mean([len(set(got) & set(best)) / CANDIDATES for got, best in pairs])),
        "fill_s": used,
        "add_us": median_us(lambda n: index.add(ONLY, b"extra %d" % n, extra[n])),
        "replace_us": median_us(lambda n: index.add(ONLY, keys[n], extra[n])),
        "remove_us": median_us(lambda n: index.remove(ONLY, keys[n])),
        "bytes_per_vector": index.nbytes / len(index),
        "resident_mb": resident,
        "longest_wait_ms": asyncio.run(longest_wait(index)) if size > FLAT_TO else None,
    }


async def longest_wait(index: PartitionIndex) -> float:
    """Milliseconds that an event loop which wants to run every millisecond waits at most while cells are made."""
    with index._lock:
        index._start_building(index._partitions[ONLY])
    longest, before = 0.0, time.perf_counter()
    while index._partitions[ONLY].building:
        await asyncio.sleep(0.001)
        now = time.perf_counter()
        longest, before = max(longest, now - before), now
    return longest * 1000


def report(figures: dict[str, Any]) -> str:
    """One line for people."""
    wait = figures["longest_wait_ms"]
    meanwhile = f"; cells made anew, an event loop waited {wait:.0f} ms at most" if wait is not None else ""
    return (
        f"{figures['entries']:>9,}  lookup {figures['lookup_us']:7.0f} us  recall@1 {figures['recall_at_1']:.4f}"
        f"  @4 {figures['recall_at_4']:.4f}  add {figures['add_us']:4.0f}  replace {figures['replace_us']:4.0f}"
        f"  remove {figures['remove_us']:4.0f} us  {figures['bytes_per_vector']:5.0f} bytes each"
        f"  filled with {figures['fill_s']:6.1f} s of CPU{meanwhile}"
    )


def vectors_to_ask() -> tuple[FloatArray, FloatArray]:
    """Real vectors to keep, and those of rewordings to ask for."""
    encode = Scorer.load().encode
    texts = real_questions(QUESTIONS)
    return vectors_of(texts.kept, encode), vectors_of(texts.reworded, encode)[:QUESTIONS]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cache_index", description=__doc__)
    parser.add_argument("--entries", type=int, nargs="+", default=SIZES, help="sizes of the index")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    real, questions = vectors_to_ask()
    if not options.json:
        print(machine())
        print(f"{len(real):,} real vectors, {len(questions):,} rewordings asked for; CPU time, medians", flush=True)
    rows = []
    for size in options.entries:
        rows.append(measure(size, real, questions))
        if not options.json:
            print(report(rows[-1]), flush=True)
    if options.json:
        print(json.dumps({"machine": machine(), "sizes": rows}))


if __name__ == "__main__":
    main()
