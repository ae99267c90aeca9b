"""Looking into a running cache and letting entries go, for operators. Off the event loop: some calls take a while."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

from router.cache.disk.persistence import NoFile
from router.cache.inventory import EntryDetail, EntryList, Held, Order, Selection, asks, detail, found_by_id, listed
from router.cache.peers import NoPeers
from router.cache.shelf import Shelf
from router.cache.store import Entry
from router.errors import CacheLoading, UnknownEntry

T = TypeVar("T")

PATIENCE_S = 30.0
"""Seconds to wait for the file to be read: what is not yet here cannot be let go of."""


PIECE = 128
"""Entries that are looked at or let go of without a pause."""

PAUSE_S = 0.0005
"""Seconds between two pieces. A lock that is taken again at once is hardly ever got by those who wait for it."""


class Administration:
    """The entries of one cache, for whoever runs it.

    Args:
        shelf: what the cache holds.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._store = shelf.entries

    @classmethod
    def of_nothing(cls) -> Administration:
        """Of a cache that is off."""
        return cls(
            Shelf(
                ttl_s=0.0,
                max_entries=0,
                max_bytes=0,
                semantic=False,
                clock=lambda: 0.0,
                file=NoFile(),
                peers=NoPeers(),
            )
        )

    def entries(
        self, selection: Selection, *, order: Order, limit: int, with_questions: bool, asking: str | None = None
    ) -> EntryList:
        """The first ``limit`` of the entries meant, and how many there are. ``asking``: a text in their questions."""
        held = [each for each in self._held() if selection.means(each)]
        if asking is not None:
            held = [each for some in _pieces(held) for each in some if asks(each, asking)]
        loading = self._shelf.file.status().state in ("opening", "loading")
        return listed(held, order=order, limit=limit, with_questions=with_questions, loading=loading)

    def entry(self, wanted: str, *, tenant: str) -> EntryDetail:
        """One entry of a tenant's, by its id or the beginning of it.

        Raises:
            UnknownEntry: no id of an entry of this tenant's begins so, or several do.
        """
        return detail(self._one(wanted, tenant))

    def evict(self, wanted: str, *, tenant: str) -> str:
        """Let go of one entry; gives its whole id. Raises as ``entry`` and as ``evict_all``."""
        self._require_read()
        entry = self._one(wanted, tenant).entry
        self._remove([entry])
        return entry.exact.hex()

    def evict_all(self, selection: Selection) -> int:
        """Let go of every entry that is meant, in the file and on other servers too; gives how many were here.

        Raises:
            CacheLoading: the file is still being read after ``PATIENCE_S``; nothing was let go of.
        """
        self._require_read()
        removed = self._remove([held.entry for held in self._held() if selection.means(held)])
        self._shelf.peers.swept(selection)
        return removed

    def heed(self, selection: Selection, *, stored_before: float) -> list[bytes]:
        """Let go of every entry that is meant and old enough, since another server was told to; gives their keys.

        Args:
            selection: which.
            stored_before: by the cache's clock.

        Raises:
            CacheLoading: as ``evict_all``.
        """
        self._require_read()
        meant = [held.entry for held in self._held() if selection.means(held)]
        old = [entry for entry in meant if entry.stored_at < stored_before]
        for some in _pieces(old):
            self._shelf.let_go([entry.exact for entry in some], "removed")
        return [entry.exact for entry in old]

    def _require_read(self) -> None:
        if not self._shelf.file.wait_until_read(PATIENCE_S):
            raise CacheLoading("The cache still reads its file. Nothing was let go of: try again in a moment.")

    def _remove(self, entries: list[Entry]) -> int:
        removed = 0
        for some in _pieces(entries):
            removed += self._shelf.remove([entry.exact for entry in some])
        with self._shelf.lock:
            if not len(self._store):
                # Gives the disk its bytes back, too.
                self._shelf.file.wipe()
        return removed

    def _one(self, wanted: str, tenant: str) -> Held:
        found = found_by_id((each for each in self._held() if each.entry.tenant == tenant), wanted)
        if len(found) == 1:
            return found[0]
        if found:
            raise UnknownEntry(f"Several entries' ids begin with '{wanted[:64]}': give more of it.", param="id")
        raise UnknownEntry(f"There is no entry '{wanted[:64]}' of yours. GET /cache/entries lists them.", param="id")

    def _held(self) -> list[Held]:
        now = self._shelf.clock()
        with self._shelf.lock:
            entries = self._store.entries()
        held: list[Held] = []
        for some in _pieces(entries):
            with self._shelf.lock:
                living = [self._store.get(entry.exact, now) for entry in some]
                held += [self._standing(entry, now) for entry in living if entry is not None]
        return held

    def _standing(self, entry: Entry, now: float) -> Held:
        hits, rank = self._store.hits(entry.exact), self._store.rank(entry.exact)
        return Held(entry, hits, max(0.0, now - entry.stored_at), entry.expires_at - now, rank)


def _pieces(entries: Sequence[T]) -> Iterator[Sequence[T]]:
    """A few at a time, so that no request waits long for the lock."""
    for first in range(0, len(entries), PIECE):
        if first:
            time.sleep(PAUSE_S)
        yield entries[first : first + PIECE]
