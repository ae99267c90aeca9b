"""Nearest questions within one partition, by inner product of unit vectors.

Each partition owns its vectors. A partition is never mixed with another, so there is nothing to filter and nothing to
leak. Up to ``FLAT_TO`` vectors are all compared (`router.cache.rows`); a larger partition is sorted into cells
(`router.cache.cells`) by a thread of its own, while the old form goes on answering, in full. Whatever was added or
removed meanwhile is noted and made good before the new form takes over. Cells are made anew when as many vectors were
added since as they were made of, and given up where a partition has shrunk.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from router.cache.cells import Abandoned, Cells
from router.cache.rows import FloatArray, HalfArray, Neighbour, Rows

__all__ = ["FLAT_TO", "FloatArray", "Neighbour", "PartitionIndex"]

logger = logging.getLogger(__name__)

FLAT_TO = 20_000
"""Vectors in a partition that are all compared.

CPU of one lookup by vectors of 256 columns, on a core of an AMD EPYC under load: all of 10,000 in 0.17 ms, of 20,000 in
0.40, of 50,000 in 1.6, of 100,000 in 3.2. In cells, under three times that load: 50,000 in 0.3 ms, 100,000 in 0.6. Of
rewordings of real questions, cells find the same nearest as comparing all for 99.2 in 100 at 50,000 (1,000 asked, a
fifth fewer cells looked into than now) and 99.8 at 100,000 (400 asked).
A vector takes 1,024 bytes flat, 700 in cells. ``python -m tests.bench.cache_index`` measures this.
"""

FEW = 64
"""Changes noted while cells were made that are made good while questions wait: about a millisecond."""

Held = Rows | Cells
Result = TypeVar("Result")


class PartitionIndex:
    """The vectors of all partitions. Those of one partition have one length and come from one encoder.

    Any thread may call it at any time.

    Args:
        flat_to: vectors in a partition that are all compared; more are sorted into cells.
    """

    def __init__(self, *, flat_to: int = FLAT_TO) -> None:
        self._flat_to = flat_to
        self._partitions: dict[bytes, _Partition] = {}
        self._lock = threading.Lock()
        self._one_at_a_time = threading.Lock()
        self._builders: set[threading.Thread] = set()

    def __len__(self) -> int:
        with self._lock:
            return sum(len(partition.held) for partition in self._partitions.values())

    @property
    def partitions(self) -> int:
        """How many partitions hold at least one vector."""
        return len(self._partitions)

    @property
    def nbytes(self) -> int:
        """Bytes of all vectors and of the cells they are sorted into; keys not counted."""
        with self._lock:
            return sum(partition.held.nbytes for partition in self._partitions.values())

    def __contains__(self, partition: bytes) -> bool:
        return partition in self._partitions

    def add(self, partition: bytes, exact: bytes, vector: FloatArray) -> None:
        """Put a unit vector, shape [dim], under an entry's key; a vector already there is replaced."""
        with self._lock:
            found = self._partitions.get(partition)
            if found is None:
                found = self._partitions[partition] = _Partition(vector.shape[0], self._flat_to)
            found.put(exact, vector)
            if found.due:
                self._start_building(found)

    def remove(self, partition: bytes, exact: bytes) -> None:
        """Take an entry's vector away, if it has one; an emptied partition goes with it."""
        with self._lock:
            found = self._partitions.get(partition)
            if found is None:
                return
            found.remove(exact)
            if not len(found.held):
                found.dropped = True
                del self._partitions[partition]

    def nearest(self, partition: bytes, vector: FloatArray, count: int) -> list[Neighbour]:
        """Up to ``count`` neighbours of a unit vector, shape [dim], nearest first."""
        with self._lock:
            found = self._partitions.get(partition)
            return found.nearest(vector, count) if found is not None else []

    def wait(self) -> None:
        """Return when no cells are being made. For those who measure: nothing else need wait."""
        while True:
            with self._lock:
                builders = list(self._builders)
            if not builders:
                return
            for builder in builders:
                builder.join()

    def _start_building(self, partition: _Partition) -> None:
        builder = threading.Thread(target=self._build, args=(partition,), name="cache-cells")
        partition.building = True
        self._builders.add(builder)
        try:
            builder.start()
        except RuntimeError as error:  # no thread to be had
            self._builders.discard(builder)
            partition.put_off(error)

    def _build(self, partition: _Partition) -> None:
        try:
            with self._one_at_a_time:
                while not self._built(partition):
                    pass
        except Abandoned:
            pass
        except Exception as error:  # noqa: BLE001 - the partition goes on as it is
            with self._lock:
                partition.put_off(error)
        finally:
            with self._lock:
                self._builders.discard(threading.current_thread())

    def _built(self, partition: _Partition) -> bool:
        """One attempt; False where so much was added meanwhile that cells for the old size would not do."""

        def go_on() -> bool:
            # A process that is told to end waits for this thread.
            return not partition.dropped and threading.main_thread().is_alive()

        with self._lock:
            keys, vectors = partition.begin()
        if partition.dropped:
            raise Abandoned
        cells = Cells.build(keys, vectors, go_on)
        while True:
            with self._lock:
                noted = partition.take_noted()
                if len(noted) <= FEW:
                    _make_good(cells, noted)
                    partition.finish(cells)
                    return True
            if len(noted) > len(keys):
                return False
            _make_good(cells, noted)


class _Partition:
    """The vectors of one partition in the form they have now, and what changes while another is made."""

    def __init__(self, dim: int, flat_to: int) -> None:
        self.held: Held = Rows(dim)
        self.building = False
        self.dropped = False
        self._flat_to = flat_to
        self._build_from = flat_to + 1
        self._added = 0
        self._noted: dict[bytes, FloatArray | None] | None = None

    @property
    def due(self) -> bool:
        """Whether cells should be made now."""
        if self.building:
            return False
        return (len(self.held) if isinstance(self.held, Rows) else self._added) >= self._build_from

    def put(self, exact: bytes, vector: FloatArray) -> None:
        self._safely(lambda held: held.put(exact, vector))
        self._added += 1
        if self._noted is not None:
            self._noted[exact] = vector

    def remove(self, exact: bytes) -> None:
        moved = self._safely(lambda held: held.remove(exact))
        if self._noted is not None:
            self._noted[exact] = None
            if moved is not None:
                # Its old row may be written over before the builder reads it.
                self._noted[moved] = _rows(self.held).vector(moved)
        if isinstance(self.held, Cells) and len(self.held) < self._flat_to // 4:
            self._flatten(self._flat_to + 1)

    def nearest(self, vector: FloatArray, count: int) -> list[Neighbour]:
        return self._safely(lambda held: held.nearest(vector, count))

    def begin(self) -> tuple[list[bytes], FloatArray | HalfArray]:
        """Keys and vectors as they are; from now on changes are noted."""
        self._noted = {}
        rows = _rows(self.held)
        return rows.keys(), rows.array

    def take_noted(self) -> dict[bytes, FloatArray | None]:
        """What changed since ``begin`` or the last call: the vector of each key, None where it was removed."""
        noted, self._noted = self._noted or {}, {}
        return noted

    def finish(self, cells: Cells) -> None:
        """Take cells that hold all that is held."""
        self.building, self._noted = False, None
        self.held = cells
        self._added, self._build_from = 0, len(cells)

    def put_off(self, error: Exception) -> None:
        """Stay in this form until there is twice as much to do."""
        self.building, self._noted = False, None
        self._build_from *= 2
        logger.warning("cache: sorting vectors into cells failed with %s; they stay as they are", type(error).__name__)

    def _safely(self, step: Callable[[Held], Result]) -> Result:
        """Take a step; where cells fail it, go back to comparing all, which rests on less, and take it there."""
        try:
            return step(self.held)
        except Exception as error:
            if isinstance(self.held, Rows):
                raise
            logger.warning("cache: cells failed with %s; all vectors are compared again", type(error).__name__)
            # Not at once: what failed here would fail again.
            self._flatten(2 * len(self.held))
            return step(self.held)

    def _flatten(self, build_from: int) -> None:
        self.held = _rows(self.held).as_float32()
        self._build_from = build_from


def _rows(held: Held) -> Rows:
    return held if isinstance(held, Rows) else held.rows


def _make_good(cells: Cells, noted: dict[bytes, FloatArray | None]) -> None:
    for exact, vector in noted.items():
        if vector is None:
            cells.remove(exact)
        else:
            cells.put(exact, vector)
