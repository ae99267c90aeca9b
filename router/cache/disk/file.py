"""The cache's file as the cache sees it: told of every change at once, written a moment later by a thread.

Nothing here makes a request wait, and nothing that is wrong with the file reaches one (see `recovery`). Several servers
may share a file: each reads at its start what all of them wrote, and none sees the others' changes before that.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from router.cache.clock import anchored_now, carried_on
from router.cache.disk import rows
from router.cache.disk.changes import Changes
from router.cache.disk.database import (
    FileTrouble,
    forget_everything,
    give_back_space,
    open_database,
    read_anchor,
    trouble_with,
    write_anchor,
)
from router.cache.disk.persistence import FileStatus, Restored, State
from router.cache.disk.recovery import Recovery
from router.cache.disk.rows import Kept
from router.cache.index import FloatArray
from router.cache.store import Entry

logger = logging.getLogger("underdog.cache")

BUSY_TIMEOUT_S = 2.0
LINGER_S = 0.1
"""Seconds that changes gather before they are written together: what ``kill -9`` may take.

A commit costs as much as ten entries do, so it is what counts where requests come one by one."""

TICK_S = 5.0
"""Seconds after which counts of hits are written though nothing else is."""

PURGE_S = 60.0
LOAD_ROWS = 128
LOAD_PAUSE_S = 0.0005
"""Rows are read in bits of a few milliseconds, with a pause between, so that requests hardly wait for the reading."""

LAST_SEQ = 2**63 - 1


class CacheFile:
    """The file behind one cache, and the thread that reads and writes it.

    Args:
        path: the SQLite file; made where there is none.
        encoder: what makes vectors now. Entries keep their keys, but lose a vector that another encoder made.
        linger_s: seconds that changes gather before they are written.
    """

    def __init__(self, path: Path, *, encoder: str, linger_s: float = LINGER_S) -> None:
        self._path = path
        self._encoder = encoder
        self._linger_s = linger_s
        self._changes = Changes()
        self._wake = threading.Condition()
        self._stop = threading.Event()
        self._read = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cache-writer", daemon=True)
        self._cache: Restored
        self._clock: Callable[[], float]
        self._connection: sqlite3.Connection | None = None
        self._state: State = "opening"
        self._reading = True
        self._recovery = Recovery(path)
        self._file_time_s = 0.0
        self._read_down_to = LAST_SEQ
        self._purge_at = 0.0
        self._persisted = self._loaded = self._unreadable = 0

    def start(self, cache: Restored, clock: Callable[[], float]) -> None:
        """Begin to read and to write, in the background. ``clock`` is the one by which entries are timed."""
        self._cache, self._clock = cache, clock
        self._thread.start()

    def keep(self, entry: Entry, vector: FloatArray | None, hits: int) -> None:
        """An entry was stored."""
        with self._wake:
            if not self._recovery.given_up:
                self._changes.keep(Kept(entry, vector, hits))
                self._wake.notify()

    def forget(self, exact: bytes) -> None:
        """An entry left."""
        with self._wake:
            if not self._recovery.given_up:
                self._changes.forget(exact)
                self._wake.notify()

    def used(self, exact: bytes, hits: int) -> None:
        """An entry has answered so many times by now."""
        with self._wake:
            if not self._recovery.given_up:
                self._changes.used(exact, hits)

    def wipe(self) -> None:
        """Every entry left."""
        with self._wake:
            if not self._recovery.given_up:
                self._changes.wipe()
                self._wake.notify()

    def status(self) -> FileStatus:
        """How it is doing."""
        trouble = self._recovery.trouble
        return FileStatus(
            state=self._state,
            persisted=self._persisted,
            queue=len(self._changes),
            loaded=self._loaded,
            unreadable=self._unreadable,
            trouble=str(trouble) if trouble else None,
        )

    def wait_until_read(self, timeout_s: float) -> bool:
        """Wait until everything is read that will be; False where that takes longer."""
        return self._read.wait(timeout_s)

    def close(self) -> None:
        """Write what waits, and end the thread. Blocks until then; may be called twice, and without a start."""
        self._stop.set()
        with self._wake:
            self._wake.notify()
        if self._thread.ident is not None:
            self._thread.join()

    # From here on everything runs on the thread.

    def _run(self) -> None:
        while not self._stop.is_set():
            self._turn()
            self._pause()
        self._turn()
        self._let_go()

    def _turn(self) -> None:
        """One round of work. Whatever goes wrong, the next round finds a state to go on from."""
        try:
            purging = time.monotonic() >= self._purge_at
            if purging:
                self._purge_at = time.monotonic() + PURGE_S
                while self._cache.purge():
                    # Who waits for the cache's lock would hardly ever get it if it were taken again at once.
                    self._stop.wait(LOAD_PAUSE_S)
            if self._recovery.given_up:
                return
            connection = self._connection or self._open()
            if purging:
                self._purge(connection)
            if self._reading:
                self._load(connection)
            self._write(connection)
            self._recovery.end()
        except Exception as error:  # noqa: BLE001 - a cache may do without its file, but not a server without a cache
            self._in_trouble(trouble_with(error))

    def _in_trouble(self, trouble: FileTrouble) -> None:
        self._let_go()
        self._state = self._recovery.begin(trouble)
        if self._state == "unavailable":
            self._read.set()
        if self._recovery.given_up:
            with self._wake:
                self._changes = Changes()

    def _pause(self) -> None:
        if self._recovery.given_up:
            self._stop.wait(PURGE_S)
        elif self._recovery.trouble is not None:
            self._stop.wait(self._recovery.retry_s)
        elif self._reading:
            self._stop.wait(LOAD_PAUSE_S)
        else:
            with self._wake:
                self._wake.wait_for(lambda: self._changes.pressing or self._stop.is_set(), TICK_S)
            self._stop.wait(self._linger_s)

    def _open(self) -> sqlite3.Connection:
        connection = open_database(self._path, busy_timeout_s=BUSY_TIMEOUT_S)
        self._connection = connection
        here = anchored_now()
        now = carried_on(read_anchor(connection), here)
        if now is None:
            logger.warning("cache %s: the clock has gone backwards; what it held is let go of", self._path)
            forget_everything(connection)
            now = here
        self._file_time_s = now.file_s - self._clock()
        self._purge(connection)
        self._state = "loading" if self._reading else "ready"
        return connection

    def _purge(self, connection: sqlite3.Connection) -> None:
        """Let go of what has expired in the file, another server's entries included."""
        now = self._clock() + self._file_time_s
        connection.execute("DELETE FROM entries WHERE expires_at <= ?", (int(now * 1e6),))
        self._persisted = connection.execute("SELECT count(*) FROM entries").fetchone()[0]

    def _load(self, connection: sqlite3.Connection) -> None:
        """Read one bit more."""
        found = connection.execute(rows.SELECT_BEFORE, (self._read_down_to, LOAD_ROWS)).fetchall()
        whole: list[tuple[int, Kept]] = []
        for seq, *row in found:
            kept = rows.from_row(row, file_time_s=self._file_time_s)
            if kept is None:
                self._drop_unreadable(connection, seq)
            else:
                whole.append((seq, self._with_vector_of_today(kept)))
        # The cache holds its lock from asking whether an entry is outdated until it has taken that up.
        taken = self._cache.restore([kept for _, kept in whole], self._outdated)
        self._loaded += taken
        if found:
            self._read_down_to = found[-1][0]
        if taken < len(whole):
            # The newest fill the cache: the others could only be in the way.
            first = whole[taken][0]
            self._persisted -= connection.execute("DELETE FROM entries WHERE seq <= ?", (first,)).rowcount
        if taken < len(whole) or len(found) < LOAD_ROWS:
            self._reading = False
            self._state = "ready"
            self._read.set()
            if self._unreadable:
                logger.warning(
                    "cache %s: %d of its entries were damaged and are left out", self._path, self._unreadable
                )

    def _drop_unreadable(self, connection: sqlite3.Connection, seq: int) -> None:
        self._unreadable += 1
        self._persisted -= connection.execute("DELETE FROM entries WHERE seq = ?", (seq,)).rowcount

    def _with_vector_of_today(self, kept: Kept) -> Kept:
        return kept if kept.entry.encoder == self._encoder else kept._replace(vector=None)

    def _outdated(self, exact: bytes) -> bool:
        with self._wake:
            return exact in self._changes

    def _write(self, connection: sqlite3.Connection) -> None:
        with self._wake:
            changes, self._changes = self._changes, Changes()
        if not changes:
            return
        try:
            self._commit(connection, changes)
        except BaseException:
            with self._wake:
                self._changes.put_before(changes)
            raise
        if changes.wiped:
            give_back_space(connection)

    def _commit(self, connection: sqlite3.Connection, changes: Changes) -> None:
        written = self._encoded(changes)
        persisted = self._persisted
        connection.execute("BEGIN IMMEDIATE")
        try:
            if changes.wiped:
                connection.execute("DELETE FROM entries")
                persisted = 0
            persisted -= rows.delete(connection, changes.gone | changes.kept.keys())
            connection.executemany(rows.INSERT, written)
            connection.executemany(
                "UPDATE entries SET hits = ? WHERE exact = ?", ((hits, exact) for exact, hits in changes.hits.items())
            )
            here = anchored_now()
            write_anchor(connection, here._replace(file_s=self._clock() + self._file_time_s))
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # the failure that led here is the one to report
                connection.execute("ROLLBACK")
            raise
        self._persisted = persisted + len(written)

    def _encoded(self, changes: Changes) -> list[tuple[object, ...]]:
        """The rows to write; an entry that cannot be written must not keep the others out."""
        written = []
        for kept in changes.kept.values():
            try:
                written.append(rows.to_row(kept, file_time_s=self._file_time_s))
            except (ValueError, TypeError, OverflowError, msgspec.MsgspecError) as error:
                logger.warning("cache %s: an entry is not kept on disk: %s", self._path, type(error).__name__)
        return written

    def _let_go(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
