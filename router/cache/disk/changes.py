"""What the cache's file does not have yet. A later change to an entry takes the place of an earlier one."""

from __future__ import annotations

from router.cache.disk.rows import Kept

MOST_GONE = 100_000
"""Departed entries that are remembered for a file that cannot be written; beyond them, all of it counts as departed."""


class Changes:
    """Changes to the file by key: entries to write, entries to let go of, counts of hits. Not for several threads."""

    def __init__(self) -> None:
        self.wiped = False
        """Whether everything goes first that the file had before these changes."""
        self.kept: dict[bytes, Kept] = {}
        """What is written after that."""
        self.gone: set[bytes] = set()
        """What the file may have of earlier, and must lose before anything is written."""
        self.hits: dict[bytes, int] = {}

    def __len__(self) -> int:
        return self.wiped + len(self.kept) + len(self.gone) + len(self.hits)

    def __contains__(self, exact: bytes) -> bool:
        """Whether what the file says of an entry no longer holds."""
        return self.wiped or exact in self.kept or exact in self.gone

    @property
    def pressing(self) -> bool:
        """Whether there is more than counts of hits, which can wait."""
        return self.wiped or bool(self.kept) or bool(self.gone)

    def keep(self, kept: Kept) -> None:
        """An entry was stored."""
        self.kept[kept.entry.exact] = kept
        self.hits.pop(kept.entry.exact, None)

    def forget(self, exact: bytes) -> None:
        """An entry left."""
        self.kept.pop(exact, None)
        self.hits.pop(exact, None)
        if not self.wiped:
            self.gone.add(exact)
        if len(self.gone) > MOST_GONE:
            # Better to lose answers that could have stayed than to bring one back that had to go.
            self.wiped = True
            self.gone.clear()

    def used(self, exact: bytes, hits: int) -> None:
        """An entry has answered so many times by now."""
        self.hits[exact] = hits

    def wipe(self) -> None:
        """Every entry left."""
        self.kept.clear()
        self.gone.clear()
        self.hits.clear()
        self.wiped = True

    def put_before(self, earlier: Changes) -> None:
        """Take up changes that could not be written, as if they had come before these."""
        if self.wiped:
            return
        self.hits = {exact: hits for exact, hits in earlier.hits.items() if exact not in self} | self.hits
        self.kept = {exact: kept for exact, kept in earlier.kept.items() if exact not in self.gone} | self.kept
        self.gone |= earlier.gone
        self.wiped = earlier.wiped
