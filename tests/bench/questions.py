"""Vectors of questions for measurements of the cache's index: real ones first, then real ones that were moved.

Real questions are those of ``../shared/data/qqp`` where it lies beside the checkout (137,000), else those of
``data/cache`` (3,400). Beyond them, a vector is a real one plus half the difference of two others, at unit length:
with a cosine of about .8 to where it came from, as a rewording has, and spread as real ones are.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

import msgspec
import numpy as np

from router.cache.index import FloatArray
from tests.conftest import REPOSITORY, SHARED_DATA

QQP = SHARED_DATA / "qqp" / "pairs.jsonl.gz"
OURS = REPOSITORY / "data" / "cache" / "questions.jsonl"
MOVED_BY = 0.5
CHUNK = 10_000
SEED = 5


class Questions(NamedTuple):
    """Texts to keep, and rewordings of some of them, which are not among them."""

    kept: list[str]
    reworded: list[str]


@cache
def repository_questions() -> Questions:
    """The base requests and traps of ``data/cache``, and its rewordings."""
    rows = [msgspec.json.decode(line) for line in OURS.read_bytes().splitlines()]
    kept = {row["a"] for row in rows} | {row["b"] for row in rows if not row["same_answer"]}
    return Questions(sorted(kept), sorted({row["b"] for row in rows if row["same_answer"]} - kept))


@cache
def real_questions(rewordings: int) -> Questions:
    """Those of QQP, ``rewordings`` of them set aside as such; where it is absent, the repository's."""
    if not QQP.is_file():
        return repository_questions()
    with gzip.open(QQP) as lines:
        rows = [msgspec.json.decode(line) for line in lines]
    bases: dict[str, None] = {}
    reworded: dict[str, None] = {}
    for row in rows:
        if row["label"] and len(reworded) < rewordings and row["text_a"] not in reworded and row["text_b"] not in bases:
            bases[row["text_a"]] = reworded[row["text_b"]] = None
    texts = bases | dict.fromkeys(text for row in rows for text in (row["text_a"], row["text_b"]))
    return Questions([text for text in texts if text not in reworded], list(reworded))


def vectors_of(texts: list[str], encode: Callable[[str], FloatArray]) -> FloatArray:
    """Unit vectors [N, dim] of texts, without those that have no token the encoder knows."""
    vectors = np.stack([encode(text) for text in texts])
    return vectors[vectors.any(axis=1)]


def chunks_of_vectors(real: FloatArray, count: int) -> Iterator[FloatArray]:
    """``count`` vectors in chunks: ``real`` ones, then moved ones. A larger count begins with the same."""
    given = min(count, len(real))
    for start in range(0, given, CHUNK):
        yield real[start : min(start + CHUNK, given)]
    generator = np.random.default_rng(SEED)
    for start in range(given, count, CHUNK):
        yield moved(real, generator)[: count - start]


def moved(real: FloatArray, generator: np.random.Generator) -> FloatArray:
    """A chunk of real vectors moved by half the difference of two others."""
    one, two, three = generator.integers(0, len(real), (3, CHUNK))
    vectors = real[one] + np.float32(MOVED_BY) * (real[two] - real[three])
    unit: FloatArray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit
