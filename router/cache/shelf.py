"""Entries and their vectors, changed together; the file and the other servers follow."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import msgspec

from router.cache.disk.persistence import Persistence
from router.cache.disk.rows import Kept
from router.cache.index import FloatArray, PartitionIndex
from router.cache.peers import Peers
from router.cache.store import Departure, Entry, MemoryStore, Store

SAME_S = 0.001
"""Seconds by which two tellings of one storing may differ: times are rounded on their way."""


class Shelf:
    """All that one cache holds. Any thread may call it; ``lock`` is held while anything changes.

    Args:
        ttl_s: seconds that an entry lives, by ``clock``.
        max_entries: entries kept at most.
        max_bytes: bytes kept at most.
        semantic: whether vectors are kept.
        clock: monotonic seconds.
        file: keeps entries across restarts, once ``start`` is called.
        peers: the other servers.
    """

    def __init__(
        self,
        *,
        ttl_s: float,
        max_entries: int,
        max_bytes: int,
        semantic: bool,
        clock: Callable[[], float],
        file: Persistence,
        peers: Peers,
    ) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.ttl_s = ttl_s
        self.index = PartitionIndex()
        self.entries: Store = MemoryStore(max_entries=max_entries, max_bytes=max_bytes, on_drop=self._dropped)
        self.file = file
        self._semantic = semantic
        self.peers = peers

    def start(self) -> None:
        """Begin to take up what the file holds, and to write down what changes, in the background."""
        self.file.start(self, self.clock)

    def close(self) -> None:
        """Write down what is not yet. Blocks until then."""
        self.file.close()

    def keep(self, entry: Entry, vector: FloatArray | None) -> bool:
        """Keep an entry that was made here; False where it can never fit.

        Args:
            entry: what to keep.
            vector: of its question, where a rewording may hit it.
        """
        with self.lock:
            kept = self.entries.put(entry, self.clock())
            if kept and vector is not None:
                self._add_vector(entry, vector)
            if kept:
                self.file.keep(entry, vector, self.entries.hits(entry.exact))
                self.peers.kept(entry, vector)
        return kept

    def receive(self, kept: Kept) -> bool:
        """Keep an entry that another server made; False where what is here is as new, or there can be no room."""
        exact = kept.entry.exact
        with self.lock:
            here = self.entries.peek(exact)
            if here is not None and here.stored_at >= kept.entry.stored_at - SAME_S:
                return False
            if not self._take_up(kept):
                return False
            taken = self.entries.peek(exact)
            if taken is not None:
                self.file.keep(taken, kept.vector, self.entries.hits(exact))
        return True

    def restore(self, batch: list[Kept], outdated: Callable[[bytes], bool]) -> int:
        """Take up entries of the file but for those that are here or ``outdated``.

        Returns:
            how many it got through: fewer than there are where there is no room for more.
        """
        for number, kept in enumerate(batch):
            exact = kept.entry.exact
            # Held for one entry at a time: a lookup must not wait for all of them.
            with self.lock:
                if self.entries.peek(exact) is not None or outdated(exact):
                    continue
                if not self.entries.has_room(kept.entry.size):
                    return number
                self._take_up(kept)
        return len(batch)

    def used(self, exact: bytes) -> None:
        """Count an answer from the entry under a key, if it is still here."""
        with self.lock:
            if self.entries.peek(exact) is not None:
                self.file.used(exact, self.entries.used(exact))

    def evict(self, exact: bytes) -> bool:
        """Let go of the answer under a key, which was reported to be wrong, here and on the other servers.

        Returns:
            False where there is none here.
        """
        present = self.let_go([exact], "feedback") > 0
        self.peers.gone([exact])
        return present

    def remove(self, keys: Sequence[bytes]) -> int:
        """Let go of entries that an operator wants gone, here and on the other servers; gives how many were here."""
        with self.lock:
            removed = sum(self.entries.remove(exact) for exact in keys)
        self.peers.gone(keys)
        return removed

    def let_go(self, keys: Sequence[bytes], reason: Departure) -> int:
        """Let go of entries, whoever wants it; gives how many were here."""
        with self.lock:
            removed = sum(self.entries.remove(exact, reason) for exact in keys)
            for exact in keys:
                # They may stand in the file alone, as long as that is being read.
                self.file.forget(exact)
        return removed

    def clear(self) -> int:
        """Let go of every answer; gives how many there were."""
        with self.lock:
            keys = [entry.exact for entry in self.entries.entries()]
            cleared = self.entries.clear()
            self.file.wipe()
        self.peers.gone(keys)
        return cleared

    def purge(self) -> int:
        """Let go of some of what has expired.

        Returns:
            how many entries that were; 0 once there is nothing left to do.
        """
        with self.lock:
            return self.entries.purge(self.clock())

    def _take_up(self, kept: Kept) -> bool:
        now = self.clock()
        entry = kept.entry
        # The time to live may have been longer when it was stored.
        expires_at = min(entry.expires_at, min(entry.stored_at, now) + self.ttl_s)
        if expires_at <= now:
            return False
        entry = msgspec.structs.replace(entry, expires_at=expires_at)
        if not self.entries.put(entry, now, kept.hits):
            return False
        if self._semantic and kept.vector is not None:
            self._add_vector(entry, kept.vector)
        return True

    def _add_vector(self, entry: Entry, vector: FloatArray) -> None:
        try:
            self.index.add(entry.partition, entry.exact, vector)
        except Exception:
            # An entry that claims a vector and has none must not stay.
            self.entries.remove(entry.exact)
            raise

    def _dropped(self, entry: Entry) -> None:
        self.index.remove(entry.partition, entry.exact)
        self.file.forget(entry.exact)
