"""Nearest questions within one partition, by inner product of unit vectors.

Each partition owns a plain block of vectors. A partition is never mixed with another, so there is nothing to filter and
nothing to leak; removing a vector moves the last one into its place, so none is ever orphaned. FAISS searches the block
where it lies (``faiss.knn``): as fast as an ``IndexFlatIP`` holding a copy, where removal from an ``IndexIDMap`` of
50,000 takes 5 ms. Below ``FAISS_FROM`` vectors numpy does as well, and a process whose partitions all stay small never
imports FAISS.
"""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

FAISS_FROM = 512
"""Vectors in a partition from which FAISS searches it: numpy is level to 256, three times slower at 100,000."""

FIRST_ROWS = 4


class Neighbour(NamedTuple):
    """A candidate: the exact key of its entry, and the cosine to the question."""

    exact: bytes
    similarity: float


class PartitionIndex:
    """The vectors of all partitions. Those of one partition have one length and come from one encoder."""

    def __init__(self) -> None:
        self._blocks: dict[bytes, _Block] = {}

    def __len__(self) -> int:
        return sum(len(block) for block in self._blocks.values())

    @property
    def partitions(self) -> int:
        """How many partitions hold at least one vector."""
        return len(self._blocks)

    def __contains__(self, partition: bytes) -> bool:
        return partition in self._blocks

    def add(self, partition: bytes, exact: bytes, vector: FloatArray) -> None:
        """Put a unit vector, shape [dim], under an entry's key; a vector already there is replaced."""
        block = self._blocks.get(partition)
        if block is None:
            block = self._blocks[partition] = _Block(vector.shape[0])
        block.put(exact, vector)

    def remove(self, partition: bytes, exact: bytes) -> None:
        """Take an entry's vector away, if it has one; an emptied partition goes with it."""
        block = self._blocks.get(partition)
        if block is None:
            return
        block.remove(exact)
        if not len(block):
            del self._blocks[partition]

    def nearest(self, partition: bytes, vector: FloatArray, count: int) -> list[Neighbour]:
        """Up to ``count`` neighbours of a unit vector, shape [dim], nearest first."""
        block = self._blocks.get(partition)
        return block.nearest(vector, count) if block is not None else []


class _Block:
    """The vectors of one partition: rows of one array, filled without gaps."""

    def __init__(self, dim: int) -> None:
        self._rows: FloatArray = np.empty((FIRST_ROWS, dim), dtype=np.float32)
        self._keys: list[bytes] = []
        self._row_of: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def put(self, exact: bytes, vector: FloatArray) -> None:
        row = self._row_of.get(exact)
        if row is None:
            row = len(self._keys)
            self._make_room(row + 1)
            self._rows[row] = vector
            self._keys.append(exact)
            self._row_of[exact] = row
        else:
            self._rows[row] = vector

    def remove(self, exact: bytes) -> None:
        row = self._row_of.pop(exact, None)
        if row is None:
            return
        last = self._keys.pop()
        if last != exact:
            self._rows[row] = self._rows[len(self._keys)]
            self._keys[row] = last
            self._row_of[last] = row

    def nearest(self, vector: FloatArray, count: int) -> list[Neighbour]:
        size = len(self._keys)
        wanted = min(count, size)
        filled = self._rows[:size]
        search = _search_faiss if size >= FAISS_FROM else _search_numpy
        similarities, rows = search(filled, np.asarray(vector, dtype=np.float32), wanted)
        return [
            Neighbour(self._keys[row], float(similarity)) for similarity, row in zip(similarities, rows, strict=True)
        ]

    def _make_room(self, rows: int) -> None:
        if rows > len(self._rows):
            larger = np.empty((2 * len(self._rows), self._rows.shape[1]), dtype=np.float32)
            larger[: len(self._rows)] = self._rows
            self._rows = larger


def _search_numpy(rows: FloatArray, vector: FloatArray, count: int) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    similarities: FloatArray = rows @ vector
    nearest = np.argsort(-similarities, kind="stable")[:count]
    return similarities[nearest], nearest


def _search_faiss(rows: FloatArray, vector: FloatArray, count: int) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    faiss = _faiss()
    similarities, nearest = faiss.knn(vector[None, :], rows, count, metric=faiss.METRIC_INNER_PRODUCT)
    return similarities[0], nearest[0]


@cache
def _faiss() -> ModuleType:
    # Imported with the first large partition: it takes a quarter of a second and 40 MB.
    import faiss

    # One query has nothing to share out, and idle threads spin: on a busy machine that costs 20 times as much.
    faiss.omp_set_num_threads(1)
    module: ModuleType = faiss
    return module
