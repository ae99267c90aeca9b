"""Where cached answers live: in memory, each for a limited time, all within a bound of entries and bytes."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from itertools import islice
from typing import Any, Literal, Protocol

import msgspec

from router.cache.eviction import GreedyDual
from router.cache.expiry import Expiries
from router.cache.worth import saved_usd, worth_usd
from router.types import CachedAnswer

ENTRY_OVERHEAD = 1536
"""Bytes of one entry beside its text and vector: keys, objects, and its slots in tables and heaps, rounded up."""

PURGED_AT_ONCE = 64
"""Expired entries that one store lets go of at most: all of a large cache at once would hold up a request."""

Departure = Literal["space", "expired", "replaced", "removed", "feedback"]
"""Why an entry left: to make room, by its age, for a newer answer, by the operator, or as reported to be wrong."""


class Entry(msgspec.Struct, frozen=True):
    """One kept answer.

    ``turns`` are the texts that the verifier compares (see ``Fingerprint``), the question last, and ``prepared`` is
    what it keeps of them; both are None where only the exact request can hit, and ``prepared`` is also None in an entry
    that was read from a file, until it is first a candidate. Times are seconds of the cache's clock; ``size`` is in
    bytes, overhead included. ``encoder`` names what made the question's vector.
    """

    exact: bytes
    partition: bytes
    turns: tuple[str, ...] | None
    prepared: Any
    answer: CachedAnswer
    stored_at: float
    expires_at: float
    size: int
    tenant: str = ""
    encoder: str = ""


class StoreCounts:
    """What left the store, and why; and what it saved while it was here, as far as prices are known."""

    def __init__(self) -> None:
        self.departed: Counter[Departure] = Counter()
        self.saved_usd = Decimal(0)

    @property
    def evictions(self) -> int:
        """Entries that left to make room."""
        return self.departed["space"]

    @property
    def expired(self) -> int:
        """Entries that left by their age."""
        return self.departed["expired"]


class Store(Protocol):
    """Entries by exact key.

    ``on_drop`` is called with every entry that leaves, for whatever reason, so that an index can follow.
    """

    counts: StoreCounts
    size: int

    def get(self, exact: bytes, now: float) -> Entry | None:
        """The living entry under a key."""
        ...

    def peek(self, exact: bytes) -> Entry | None:
        """The entry under a key, living or not."""
        ...

    def used(self, exact: bytes) -> int:
        """Count an answer from the entry under a key, which is here; gives how many there were."""
        ...

    def hits(self, exact: bytes) -> int:
        """How often the entry under a key, which is here, has answered."""
        ...

    def amend(self, old: Entry, new: Entry) -> None:
        """Put an entry in place of one that differs in nothing that the store looks at, if that is still here."""
        ...

    def put(self, entry: Entry, now: float, hits: int = 0) -> bool:
        """Keep an entry; False where it can never fit."""
        ...

    def has_room(self, size: int) -> bool:
        """Whether an entry of so many bytes can be kept without another leaving."""
        ...

    def remove(self, exact: bytes, reason: Departure = "removed") -> bool:
        """Let go of the entry under a key; False where there is none."""
        ...

    def purge(self, now: float, limit: int = PURGED_AT_ONCE) -> int:
        """Let go of what has expired, ``limit`` entries at most; gives how many that were."""
        ...

    def clear(self) -> int:
        """Let go of everything; gives how many entries that were."""
        ...

    def entries(self) -> list[Entry]:
        """All entries, the first stored first."""
        ...

    def rank(self, exact: bytes) -> float:
        """Where the entry under a key, which is here, stands among those that may have to leave: the lowest first."""
        ...

    def __len__(self) -> int: ...


class MemoryStore:
    """A store that ends with the process: entries whose repeats save least per byte go first (``GreedyDual``).

    Args:
        max_entries: entries kept at most.
        max_bytes: bytes kept at most, by the entries' own ``size``; an entry larger than this is not kept at all.
        on_drop: called with each entry that leaves.
    """

    def __init__(self, *, max_entries: int, max_bytes: int, on_drop: Callable[[Entry], None]) -> None:
        self.counts = StoreCounts()
        self.size = 0
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._on_drop = on_drop
        self._entries: dict[bytes, Entry] = {}
        self._ranking = GreedyDual()
        self._expiries = Expiries()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, exact: bytes, now: float) -> Entry | None:
        """The living entry under a key; None if there is none."""
        entry = self._entries.get(exact)
        if entry is None:
            return None
        if entry.expires_at <= now:
            self._drop(entry, "expired")
            return None
        return entry

    def peek(self, exact: bytes) -> Entry | None:
        """The entry under a key, living or not."""
        return self._entries.get(exact)

    def used(self, exact: bytes) -> int:
        """Count an answer from the entry under a key, which is here; gives how many there were."""
        self._ranking.touch(exact)
        self.counts.saved_usd += saved_usd(self._entries[exact].answer, 1) or 0
        return self.hits(exact)

    def hits(self, exact: bytes) -> int:
        """How often the entry under a key, which is here, has answered."""
        return self._ranking.uses(exact) - 1

    def amend(self, old: Entry, new: Entry) -> None:
        """Put an entry in place of one that differs in nothing that the store looks at, if that is still here."""
        if self._entries.get(old.exact) is old:
            self._entries[old.exact] = new

    def put(self, entry: Entry, now: float, hits: int = 0) -> bool:
        """Keep an entry, in place of any under the same key; others leave to make room. False if it can never fit.

        Args:
            entry: what to keep.
            now: by the clock of the entries.
            hits: how often it has answered before; those of an entry that it replaces are added.
        """
        self.purge(now)
        if entry.exact in self._entries:
            hits += self.hits(entry.exact)
            self._drop(self._entries[entry.exact], "replaced")
        if entry.size > self._max_bytes:
            return False
        while not self.has_room(entry.size):
            self._drop(self._entries[self._ranking.least()], "space")
        self._entries[entry.exact] = entry
        self._ranking.add(entry.exact, worth=worth_usd(entry.answer), size=max(1, entry.size), uses=1 + hits)
        self._expiries.add(entry.exact, entry.expires_at)
        self.size += entry.size
        return True

    def has_room(self, size: int) -> bool:
        """Whether an entry of so many bytes can be kept without another leaving."""
        return len(self._entries) < self._max_entries and self.size + size <= self._max_bytes

    def remove(self, exact: bytes, reason: Departure = "removed") -> bool:
        """Let go of the entry under a key; False where there is none."""
        entry = self._entries.get(exact)
        if entry is not None:
            self._drop(entry, reason)
        return entry is not None

    def purge(self, now: float, limit: int = PURGED_AT_ONCE) -> int:
        """Let go of what has expired, ``limit`` entries at most.

        Returns:
            how many entries that were.
        """
        before = len(self._entries)
        for exact in islice(self._expiries.due(now), limit):
            self._drop(self._entries[exact], "expired")
        return before - len(self._entries)

    def clear(self) -> int:
        """Let go of everything.

        Returns:
            how many entries that were.
        """
        dropped = self.entries()
        for entry in dropped:
            self._drop(entry, "removed")
        return len(dropped)

    def entries(self) -> list[Entry]:
        """All entries, the first stored first."""
        return list(self._entries.values())

    def rank(self, exact: bytes) -> float:
        """Where the entry under a key, which is here, stands among those that may have to leave: the lowest first."""
        return self._ranking.rank(exact)

    def _drop(self, entry: Entry, reason: Departure) -> None:
        del self._entries[entry.exact]
        self._ranking.remove(entry.exact)
        self._expiries.remove(entry.exact)
        self.size -= entry.size
        self.counts.departed[reason] += 1
        self._on_drop(entry)


def entry_size(*, turns: tuple[str, ...] | None, answer: CachedAnswer, vector_bytes: int) -> int:
    """Bytes that an entry takes: body, turns, lengths of the live stream's pieces, vector and overhead."""
    text = sum(map(sys.getsizeof, turns or ()))
    # Of small numbers there is one object each for the whole process, so that the tuple's places are all they take.
    pieces = sys.getsizeof(answer.pieces or ())
    return len(memoryview(answer.body)) + text + pieces + vector_bytes + ENTRY_OVERHEAD
