"""Where cached answers live: in memory, each for a limited time, all within a bound of entries and bytes."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from router.types import CachedAnswer

ENTRY_OVERHEAD = 1024
"""Bytes of one entry beside its text and vector: keys, objects and table slots, rounded up."""


class Entry(msgspec.Struct, frozen=True):
    """One kept answer.

    ``turns`` are the texts that may be worded otherwise, the question last, and ``prepared`` is what the verifier keeps
    of them; both are None where only the exact request can hit. Times are seconds of the cache's clock; ``size`` is in
    bytes, overhead included.
    """

    exact: bytes
    partition: bytes
    turns: tuple[str, ...] | None
    prepared: Any
    answer: CachedAnswer
    stored_at: float
    expires_at: float
    size: int


class StoreCounts(msgspec.Struct):
    """What left the store, and why."""

    evictions: int = 0
    expired: int = 0


class Store(Protocol):
    """Entries by exact key. A persistent store can stand behind the same calls.

    ``on_drop`` is called with every entry that leaves, for whatever reason, so that an index can follow.
    """

    counts: StoreCounts
    size: int

    def get(self, exact: bytes, now: float) -> Entry | None:
        """The living entry under a key, marked as just used."""
        ...

    def peek(self, exact: bytes) -> Entry | None:
        """The entry under a key, living or not."""
        ...

    def put(self, entry: Entry, now: float) -> bool:
        """Keep an entry; False where it can never fit."""
        ...

    def remove(self, exact: bytes) -> None:
        """Let go of the entry under a key, if there is one."""
        ...

    def clear(self) -> int:
        """Let go of everything; gives how many entries that were."""
        ...

    def __len__(self) -> int: ...


class MemoryStore:
    """A store that ends with the process: least recently used entries go first.

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
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()
        # Every entry lives equally long, so the order of arrival is the order of expiry.
        self._arrivals: OrderedDict[bytes, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, exact: bytes, now: float) -> Entry | None:
        """The living entry under a key, marked as just used; None if there is none."""
        entry = self._entries.get(exact)
        if entry is None:
            return None
        if entry.expires_at <= now:
            self._drop(entry)
            self.counts.expired += 1
            return None
        self._entries.move_to_end(exact)
        return entry

    def peek(self, exact: bytes) -> Entry | None:
        """The entry under a key, living or not, its place in the order of use left alone."""
        return self._entries.get(exact)

    def put(self, entry: Entry, now: float) -> bool:
        """Keep an entry, in place of any under the same key; others leave to make room. False if it can never fit."""
        self._purge(now)
        self.remove(entry.exact)
        if entry.size > self._max_bytes:
            return False
        while len(self._entries) >= self._max_entries or self.size + entry.size > self._max_bytes:
            self._drop(next(iter(self._entries.values())))
            self.counts.evictions += 1
        self._entries[entry.exact] = entry
        self._arrivals[entry.exact] = entry.expires_at
        self.size += entry.size
        return True

    def remove(self, exact: bytes) -> None:
        """Let go of the entry under a key, if there is one."""
        entry = self._entries.get(exact)
        if entry is not None:
            self._drop(entry)

    def clear(self) -> int:
        """Let go of everything.

        Returns:
            how many entries that were.
        """
        dropped = list(self._entries.values())
        for entry in dropped:
            self._drop(entry)
        return len(dropped)

    def _drop(self, entry: Entry) -> None:
        del self._entries[entry.exact]
        del self._arrivals[entry.exact]
        self.size -= entry.size
        self._on_drop(entry)

    def _purge(self, now: float) -> None:
        while self._arrivals:
            exact, expires_at = next(iter(self._arrivals.items()))
            if expires_at > now:
                return
            self._drop(self._entries[exact])
            self.counts.expired += 1


def entry_size(*, turns: tuple[str, ...] | None, answer: CachedAnswer, vector_bytes: int) -> int:
    """Bytes that an entry takes: body, turns, vector and overhead."""
    text = sum(map(sys.getsizeof, turns or ()))
    return len(memoryview(answer.body)) + text + vector_bytes + ENTRY_OVERHEAD
