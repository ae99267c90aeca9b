"""What the cache needs of a file that its answers outlive the process in; and a cache that has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

import msgspec

from router.cache.disk.rows import Kept
from router.cache.index import FloatArray
from router.cache.store import Entry

State = Literal["off", "opening", "loading", "ready", "unavailable"]


class FileStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How the cache's file is doing.

    ``state``: ``off`` (memory only), ``opening``, ``loading`` (what it holds is being read), ``ready``, or
    ``unavailable`` (``trouble`` says why). ``persisted``: entries in the file; ``queue``: changes that it does not have
    yet; ``loaded``: entries read at the start; ``unreadable``: entries that were not what had been written.
    """

    state: State = "off"
    persisted: int = 0
    queue: int = 0
    loaded: int = 0
    unreadable: int = 0
    trouble: str | None = None


class Restored(Protocol):
    """What the file needs of a cache."""

    def restore(self, batch: list[Kept], outdated: Callable[[bytes], bool]) -> int:
        """Take up entries of the file but for those that are ``outdated``.

        Returns:
            how many it got through: fewer than there are where there is no room for more.
        """
        ...

    def purge(self) -> int:
        """Let go of some of what has expired; gives how many entries that were, 0 at the end."""
        ...


class Persistence(Protocol):
    """What the cache needs of a file. No call waits for the disk but ``close``, and none raises."""

    def start(self, cache: Restored, clock: Callable[[], float]) -> None:
        """Begin to read and to write, in the background. ``clock`` is the one by which entries are timed."""
        ...

    def keep(self, entry: Entry, vector: FloatArray | None, hits: int) -> None:
        """An entry was stored."""
        ...

    def forget(self, exact: bytes) -> None:
        """An entry left."""
        ...

    def used(self, exact: bytes, hits: int) -> None:
        """An entry has answered so many times by now."""
        ...

    def wipe(self) -> None:
        """Every entry left."""
        ...

    def status(self) -> FileStatus:
        """How it is doing."""
        ...

    def wait_until_read(self, timeout_s: float) -> bool:
        """Wait until everything is read that will be; False where that takes longer."""
        ...

    def close(self) -> None:
        """Write what waits, and end."""
        ...


class NoFile:
    """A cache that ends with the process."""

    def start(self, cache: Restored, clock: Callable[[], float]) -> None:
        """Nothing to read."""

    def keep(self, entry: Entry, vector: FloatArray | None, hits: int) -> None:
        """Nothing to write."""

    def forget(self, exact: bytes) -> None:
        """Nothing to let go of."""

    def used(self, exact: bytes, hits: int) -> None:
        """Nothing to count."""

    def wipe(self) -> None:
        """Nothing to let go of."""

    def status(self) -> FileStatus:
        """Only that it is off."""
        return FileStatus()

    def wait_until_read(self, timeout_s: float) -> bool:
        """Nothing to wait for."""
        return True

    def close(self) -> None:
        """Nothing to end."""
