"""Vectors under keys: rows of one array, filled without gaps, and the exact search among them.

Removing a vector moves the last one into its place, so there is never a hole to skip and none is orphaned. FAISS
searches the array where it lies (``faiss.knn``): as fast as an ``IndexFlatIP`` holding a copy, where removal from an
``IndexIDMap`` of 50,000 takes 5 ms. Below ``FAISS_FROM`` vectors numpy does as well, and a process whose partitions all
stay small never imports FAISS.
"""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
HalfArray = npt.NDArray[np.float16]
RowNumbers = npt.NDArray[np.int64]

FAISS_FROM = 512
"""Rows from which FAISS searches them: numpy is level to 256, three times slower at 100,000."""

FIRST_ROWS = 4


class Neighbour(NamedTuple):
    """A candidate: the exact key of its entry, and the cosine to the question."""

    exact: bytes
    similarity: float


class Rows:
    """Unit vectors of one length, each under a key.

    Args:
        dim: length of a vector.
        dtype: float32, or float16 at half the memory (cosines then differ by less than 0.0005).
        room: rows made at once. Rows not yet used take no memory where the system hands out pages on first use.
    """

    def __init__(self, dim: int, dtype: npt.DTypeLike = np.float32, room: int = FIRST_ROWS) -> None:
        self._array: FloatArray | HalfArray = np.empty((max(room, FIRST_ROWS), dim), dtype=dtype)
        self._keys: list[bytes] = []
        self._row_of: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, exact: bytes) -> bool:
        return exact in self._row_of

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._array.shape[1])

    @property
    def nbytes(self) -> int:
        """Bytes of the vectors held."""
        return len(self._keys) * self._array.itemsize * self.dim

    @property
    def array(self) -> FloatArray | HalfArray:
        """The vectors, shape [len, dim]: a view, which later changes write to."""
        return self._array[: len(self._keys)]

    def keys(self) -> list[bytes]:
        """The keys in the order of the rows, as a copy."""
        return self._keys.copy()

    def key(self, row: int) -> bytes:
        """The key of a row."""
        return self._keys[row]

    def row(self, exact: bytes) -> int | None:
        """The row of a key; None where it has none."""
        return self._row_of.get(exact)

    def vectors(self, rows: RowNumbers) -> FloatArray:
        """The vectors of some rows, float32 [len(rows), dim]."""
        return self._array[rows].astype(np.float32, copy=False)

    def vector(self, exact: bytes) -> FloatArray:
        """A copy of a key's vector, float32 [dim].

        Raises:
            KeyError: the key has none.
        """
        vector: FloatArray = self._array[self._row_of[exact]].astype(np.float32)
        return vector

    def as_float32(self) -> Rows:
        """The same keys and vectors in full width, in rows of their own."""
        copy = Rows(self.dim, room=len(self))
        copy._array[: len(self)] = self.array
        copy._keys, copy._row_of = self._keys.copy(), self._row_of.copy()
        return copy

    def put(self, exact: bytes, vector: FloatArray) -> int:
        """Write a vector under a new or known key; gives its row."""
        row = self._row_of.get(exact)
        if row is None:
            row = len(self._keys)
            self._make_room(row + 1)
            self._array[row] = vector
            self._keys.append(exact)
            self._row_of[exact] = row
        else:
            self._array[row] = vector
        return row

    def remove(self, exact: bytes) -> bytes | None:
        """Take a key and its vector away.

        Returns:
            the key whose vector moved into the freed row, which was the last one; None where none had to move.
        """
        row = self._row_of.pop(exact, None)
        if row is None:
            return None
        last = self._keys.pop()
        if last == exact:
            return None
        self._array[row] = self._array[len(self._keys)]
        self._keys[row] = last
        self._row_of[last] = row
        return last

    def nearest(self, vector: FloatArray, count: int) -> list[Neighbour]:
        """Up to ``count`` neighbours of a unit vector among all rows, nearest first. It is meant for float32 rows."""
        filled = self.array.astype(np.float32, copy=False)
        search = _search_faiss if len(filled) >= FAISS_FROM else _search_numpy
        similarities, rows = search(filled, np.asarray(vector, dtype=np.float32), min(count, len(filled)))
        return [
            Neighbour(self._keys[row], float(similarity)) for similarity, row in zip(similarities, rows, strict=True)
        ]

    def nearest_of(self, rows: RowNumbers, vector: FloatArray, count: int) -> list[Neighbour]:
        """The same among the given rows only."""
        similarities, order = _search_numpy(self.vectors(rows), vector, count)
        return [
            Neighbour(self._keys[row], float(similarity))
            for similarity, row in zip(similarities, rows[order].tolist(), strict=True)
        ]

    def _make_room(self, rows: int) -> None:
        if rows > len(self._array):
            larger = np.empty((2 * len(self._array), self.dim), dtype=self._array.dtype)
            larger[: len(self._array)] = self._array
            self._array = larger


def _search_numpy(rows: FloatArray, vector: FloatArray, count: int) -> tuple[FloatArray, RowNumbers]:
    similarities: FloatArray = rows @ vector
    nearest = np.argsort(-similarities, kind="stable")[:count]
    return similarities[nearest], nearest


def _search_faiss(rows: FloatArray, vector: FloatArray, count: int) -> tuple[FloatArray, RowNumbers]:
    faiss = one_threaded_faiss()
    similarities, nearest = faiss.knn(vector[None, :], rows, count, metric=faiss.METRIC_INNER_PRODUCT)
    return similarities[0], nearest[0]


def one_threaded_faiss() -> ModuleType:
    """FAISS, told to use no other than the calling thread: it keeps a count for each thread that calls it.

    One query has nothing to share out, and idle threads spin: on a busy machine that costs 20 times as much.
    """
    faiss = _faiss()
    faiss.omp_set_num_threads(1)
    return faiss


@cache
def _faiss() -> ModuleType:
    # Imported with the first large partition: it takes a quarter of a second and 40 MB.
    import faiss

    module: ModuleType = faiss
    return module
