"""Which entry leaves when room is needed: the one whose repeats save least for the bytes that it takes.

GreedyDual-Size-Frequency (Cherkasova, *Improving WWW Proxies Performance with Greedy-Dual-Size-Frequency Caching
Policy*, HP Laboratories HPL-98-69, 1998; after Cao and Irani's GreedyDual-Size, 1997). An entry's rank is

    age + uses * worth / size

where ``age`` is the rank of the last entry that had to leave. So ranks of newcomers and of entries in use keep rising,
and a dear answer that nobody asks for is overtaken in the end.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

SLACK = 64
"""Outdated items that the heap may hold beyond as many as there are entries, before it is built anew."""


class _Item(NamedTuple):
    rank: float
    number: int
    key: bytes


class _Record:
    __slots__ = ("credit", "number", "rank", "uses")

    def __init__(self, number: int, credit: float, uses: int, rank: float) -> None:
        self.number = number
        self.credit = credit
        self.uses = uses
        self.rank = rank


class GreedyDual:
    """Ranks keys. Each call is O(log n) at most, over many calls; ``touch`` is O(1).

    A rank only rises while its key is here, so the heap may keep the rank that was: one that is found too low when it
    comes up is put back at its place.
    """

    def __init__(self) -> None:
        self.age = 0.0
        self._records: dict[bytes, _Record] = {}
        self._heap: list[_Item] = []
        self._numbers = 0

    def __len__(self) -> int:
        return len(self._records)

    def add(self, key: bytes, *, worth: float, size: int, uses: int = 1) -> None:
        """Rank a key that is not here yet.

        Args:
            key: the entry's.
            worth: what one repeat of it saves, in any unit that is the same for all; above 0.
            size: its bytes; above 0.
            uses: how often it was used, its making included.
        """
        self._numbers += 1
        credit = worth / size
        record = _Record(self._numbers, credit, uses, self.age + uses * credit)
        self._records[key] = record
        heapq.heappush(self._heap, _Item(record.rank, record.number, key))

    def touch(self, key: bytes) -> None:
        """Count one more use."""
        record = self._records[key]
        record.uses += 1
        record.rank = self.age + record.uses * record.credit

    def remove(self, key: bytes) -> None:
        """Forget a key."""
        del self._records[key]
        if len(self._heap) > 2 * len(self._records) + SLACK:
            self._heap = [_Item(record.rank, record.number, name) for name, record in self._records.items()]
            heapq.heapify(self._heap)

    def uses(self, key: bytes) -> int:
        """How often a key was used, its making included."""
        return self._records[key].uses

    def rank(self, key: bytes) -> float:
        """Where a key stands: the lowest leaves first."""
        return self._records[key].rank

    def least(self) -> bytes:
        """The key that has to leave next, which makes everything that stays older. It is still here: remove it.

        Raises:
            IndexError: there is none.
        """
        while True:
            item = self._heap[0]
            record = self._records.get(item.key)
            if record is None or record.number != item.number:
                heapq.heappop(self._heap)
            elif record.rank > item.rank:
                heapq.heapreplace(self._heap, _Item(record.rank, item.number, item.key))
            else:
                self.age = item.rank
                return item.key
