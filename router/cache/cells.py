"""Many vectors in cells: a question is compared with those of the nearest cells only, in short form first.

Three steps, each over fewer vectors with more exact numbers: the question's nearest cells; in them, the nearest short
forms (int8 along the principal directions, in a FAISS inverted file); among those, the nearest vectors themselves.

An inverted file, and not a graph (HNSW): at 130,000 vectors a graph of equal recall answers no sooner, takes ten times
as long to add a vector, cannot forget one, and has to be made again when much of it is dead. Cells forget at once; they
suit less and less what is added after they were made, so whoever owns them makes them anew now and then.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from router.cache.rows import FloatArray, HalfArray, Neighbour, RowNumbers, Rows, one_threaded_faiss

SHORT_DIM = 128
"""Principal directions that a short form keeps: of 256, they hold .80 of the energy of real questions."""

SHORTLIST = 64
"""Short forms whose vectors are compared in full. That loses 1 to 4 nearest neighbours of 1,000, at 100,000 vectors."""

CELLS_PER_ROOT = 4
"""Cells for each square root of the number of vectors."""

PROBES_PER_ROOT = 10
"""Cells that a question is compared with, for each square root of the number of cells.

At 100,000 real questions: 8 find the nearest of 99.8 rewordings in 100, and of 99.0 questions of which no rewording is
there; 12 find all and 99.7, for half as much time again.
"""

SAMPLE_PER_CELL = 40
PRINCIPAL_SAMPLE = 20_000
ITERATIONS = 6
CHUNK = 8_192
ROOM = 2.5
"""Rows made, for each vector at the start. Until they are used they take no memory."""

HASHED_BYTES = 8 + 40
"""Bytes that the inverted file keeps beside a short form: its number, and its entry in the map of places."""


class Abandoned(Exception):
    """Building was called off."""


class Cells:
    """Vectors of one partition in cells. Made by `build`; one thread at a time may use it."""

    def __init__(self, rows: Rows, short: _ShortForm, centroids: FloatArray) -> None:
        self._rows = rows
        self._short = short
        faiss = one_threaded_faiss()
        # The wrapper keeps no reference of its own to the quantizer.
        self._quantizer = faiss.IndexFlatIP(centroids.shape[1])
        self._quantizer.add(centroids)
        self._file = faiss.IndexIVFScalarQuantizer(
            self._quantizer,
            centroids.shape[1],
            len(centroids),
            faiss.ScalarQuantizer.QT_8bit_direct_signed,
            faiss.METRIC_INNER_PRODUCT,
            False,
        )
        self._file.is_trained = True
        self._file.set_direct_map_type(faiss.DirectMap.Hashtable)
        self._file.nprobe = probes_for(len(centroids))

    @classmethod
    def build(cls, keys: list[bytes], vectors: FloatArray | HalfArray, go_on: Callable[[], bool]) -> Cells:
        """Sort vectors into cells.

        Args:
            keys: of the vectors, in their order, no two equal.
            vectors: unit vectors, shape [len(keys), dim], at least one.
            go_on: asked every fraction of a second.

        Raises:
            Abandoned: ``go_on`` said no.
        """
        count, dim = vectors.shape
        generator = np.random.default_rng(count)
        short = _ShortForm.of(_sample(vectors, PRINCIPAL_SAMPLE, generator))
        number = cells_for(count)
        sample = short(_sample(vectors, SAMPLE_PER_CELL * number, generator))
        cells = cls(Rows(dim, np.float16, int(ROOM * count)), short, _centroids(sample, number, generator, go_on))
        for start in range(0, count, CHUNK):
            _check(go_on)
            cells._extend(keys[start : start + CHUNK], vectors[start : start + CHUNK].astype(np.float32, copy=False))
        return cells

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def rows(self) -> Rows:
        """The keys and vectors themselves."""
        return self._rows

    @property
    def nbytes(self) -> int:
        """Bytes of vectors, short forms and cells; the keys are counted by whoever made them."""
        dim = self._short.dim
        return self._rows.nbytes + len(self) * (dim + HASHED_BYTES) + int(self._file.nlist) * dim * 4

    def put(self, exact: bytes, vector: FloatArray) -> None:
        """Write a unit vector, shape [dim], under a new or known key."""
        known = self._rows.row(exact)
        if known is not None:
            self._forget(known)
        self._file_away(self._rows.put(exact, vector))

    def remove(self, exact: bytes) -> bytes | None:
        """Take a key's vector away, if it has one; gives the key whose row changed by that, as `Rows.remove` does."""
        row = self._rows.row(exact)
        if row is None:
            return None
        self._forget(row, len(self._rows) - 1)
        moved = self._rows.remove(exact)
        if moved is not None:
            self._file_away(row)
        return moved

    def nearest(self, vector: FloatArray, count: int) -> list[Neighbour]:
        """Up to ``count`` neighbours of a unit vector, shape [dim], nearest first. Some may be missed."""
        vector = np.asarray(vector, dtype=np.float32)
        one_threaded_faiss()
        if self._file.ntotal != len(self._rows):
            raise RuntimeError(f"{self._file.ntotal} short forms for {len(self._rows)} vectors")
        _, found = self._file.search(self._short(vector[None, :]), max(SHORTLIST, count))
        rows: RowNumbers = found[0]
        return self._rows.nearest_of(rows[rows >= 0], vector, count)

    def _extend(self, keys: list[bytes], vectors: FloatArray) -> None:
        first = len(self._rows)
        for exact, vector in zip(keys, vectors, strict=True):
            self._rows.put(exact, vector)
        self._file.add_with_ids(self._short(vectors), np.arange(first, first + len(keys)))

    def _file_away(self, row: int) -> None:
        one_threaded_faiss()
        rows = np.array([row])
        self._file.add_with_ids(self._short(self._rows.vectors(rows)), rows)

    def _forget(self, *rows: int) -> None:
        self._file.remove_ids(np.unique(np.array(rows)))


class _ShortForm:
    """The leading principal directions of vectors, scaled so that int8 holds them."""

    def __init__(self, directions: FloatArray) -> None:
        self._directions = directions

    @classmethod
    def of(cls, sample: FloatArray) -> _ShortForm:
        _, directions = np.linalg.eigh(sample.T @ sample)  # ascending; not centred, since inner products are kept
        leading = directions[:, ::-1][:, :SHORT_DIM]
        largest = float(np.abs(sample @ leading).max())
        return cls(np.ascontiguousarray(leading * (127 / max(largest, 1e-6)), dtype=np.float32))

    @property
    def dim(self) -> int:
        return int(self._directions.shape[1])

    def __call__(self, vectors: FloatArray) -> FloatArray:
        """Whole numbers as float32, which is how FAISS takes int8; shape [N, dim]."""
        short: FloatArray = np.clip(np.rint(vectors @ self._directions), -127, 127)
        return short


def cells_for(count: int) -> int:
    """How many cells ``count`` vectors are sorted into: a power of two."""
    return 1 << max(0, round(math.log2(CELLS_PER_ROOT * math.sqrt(count))))


def probes_for(cells: int) -> int:
    """How many of the cells a question is compared with."""
    return min(cells, round(PROBES_PER_ROOT * math.sqrt(cells)))


def _sample(vectors: FloatArray | HalfArray, most: int, generator: np.random.Generator) -> FloatArray:
    if len(vectors) <= most:
        return vectors.astype(np.float32, copy=False)
    return vectors[np.sort(generator.choice(len(vectors), most, replace=False))].astype(np.float32, copy=False)


def _centroids(
    sample: FloatArray, number: int, generator: np.random.Generator, go_on: Callable[[], bool]
) -> FloatArray:
    """Spherical k-means, float32 [number, dim]: each round gives a cell the mean direction of what is nearest to it."""
    centroids = _unit(sample[generator.choice(len(sample), number, replace=len(sample) < number)])
    for _ in range(ITERATIONS):
        cell = np.concatenate(list(_nearest_cells(sample, centroids, go_on)))
        order = np.argsort(cell, kind="stable")
        taken, starts = np.unique(cell[order], return_index=True)
        centroids[taken] = _unit(np.add.reduceat(sample[order], starts, axis=0))
    return centroids


def _nearest_cells(
    sample: FloatArray, centroids: FloatArray, go_on: Callable[[], bool]
) -> Iterator[npt.NDArray[np.int64]]:
    faiss: Any = one_threaded_faiss()
    for start in range(0, len(sample), CHUNK):
        _check(go_on)
        _, nearest = faiss.knn(sample[start : start + CHUNK], centroids, 1, metric=faiss.METRIC_INNER_PRODUCT)
        yield nearest[:, 0]


def _unit(vectors: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: FloatArray = vectors / np.maximum(lengths, np.float32(1e-6))
    return unit


def _check(go_on: Callable[[], bool]) -> None:
    if not go_on():
        raise Abandoned
