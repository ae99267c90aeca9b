"""The cache's SQLite file: opening, its schema, and what is wrong with it where it cannot be used.

``journal_mode=WAL`` with ``synchronous=NORMAL``: ``kill -9`` takes back nothing that was committed, a power cut at most
the last commits, and the file stays whole. ``secure_delete``: answers may be secret, so what leaves the cache is
overwritten with zeros in the file rather than left in its free pages.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from router.cache.clock import Anchor, anchored_now
from router.cache.fingerprint import KEY_VERSION
from router.database.wal import enter_wal_mode

APPLICATION_ID = 0x55444341
"""Marks the file as a cache of Underdog ("UDCA") in SQLite's header."""

SCHEMA_VERSION = 1
PAGE_BYTES = 8192
"""An entry of a few hundred tokens takes two to three kilobytes: pages of four would stay half empty."""

LARGEST_LOG_BYTES = 16 * 2**20

Trouble = Literal["damaged", "newer", "foreign", "unusable"]
"""``damaged``: no whole SQLite file; ``newer``: a schema that we do not know; ``foreign``: another program's;
``unusable``: it may be well, but it cannot be used now (locked, read-only, disk full)."""

_DAMAGE = frozenset({"SQLITE_CORRUPT", "SQLITE_NOTADB"})
_FOREIGN_TEXT = "it is the database of another program; choose another `cache_path`"
_NEWER_TEXT = "it was written by a newer Underdog"

_SCHEMA = (
    """
    CREATE TABLE entries (
        seq INTEGER PRIMARY KEY,      -- order of storing
        exact BLOB NOT NULL UNIQUE,   -- 32 bytes: the key of the whole request
        partition BLOB NOT NULL,      -- 32 bytes: the key of all but the wording
        tenant TEXT NOT NULL,
        encoder TEXT NOT NULL,        -- SHA-256 of the encoder that made the vector
        turns TEXT,                   -- JSON list; NULL where only the exact request can hit
        vector BLOB,                  -- float16 [dim], little-endian, of unit length
        answer BLOB NOT NULL,         -- JSON: CachedAnswer without its body
        body BLOB NOT NULL,           -- the upstream's JSON, untouched
        size INTEGER NOT NULL,        -- bytes in memory
        stored_at INTEGER NOT NULL,   -- microseconds of file time, about UTC since 1970
        expires_at INTEGER NOT NULL,  -- the same
        checksum INTEGER NOT NULL,    -- CRC-32 of all of the above but seq
        hits INTEGER NOT NULL
    ) STRICT
    """,
    "CREATE INDEX entries_by_expiry ON entries (expires_at)",
    """
    CREATE TABLE header (             -- one row
        key_version BLOB NOT NULL,    -- how the keys were made
        file_s REAL NOT NULL,         -- the last moment at which the file was in use: see router.cache.clock
        elapsed_s REAL NOT NULL,
        boot TEXT NOT NULL
    ) STRICT
    """,
)


class FileTrouble(Exception):
    """Why the file cannot be used, as a sentence's end. Never leaves this package."""

    def __init__(self, kind: Trouble, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def trouble_with(error: Exception) -> FileTrouble:
    """What a foreign error means for the file."""
    if isinstance(error, FileTrouble):
        return error
    if isinstance(error, sqlite3.Error):
        name = "_".join((getattr(error, "sqlite_errorname", None) or "").split("_")[:2])
        kind: Trouble = "damaged" if name in _DAMAGE else "unusable"
        return FileTrouble(kind, str(error))
    if isinstance(error, OSError):
        return FileTrouble("unusable", error.strerror or str(error))
    # Neither SQLite's nor the system's: what is in the file made our own code fail.
    return FileTrouble("damaged", type(error).__name__)


def open_database(path: Path, *, busy_timeout_s: float) -> sqlite3.Connection:
    """Open or create the file, readable by this user only.

    Args:
        path: the file; missing folders are made.
        busy_timeout_s: seconds to wait for another process's lock.

    Returns:
        A connection in autocommit mode.

    Raises:
        FileTrouble: it cannot be used.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        connection = sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False)
        try:
            connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            check_ours(connection)  # before anything is changed
            with contextlib.suppress(OSError):  # another user's file that we may write to stays as it is
                path.chmod(0o600)
            _prepare(connection, deadline=time.monotonic() + busy_timeout_s)
        except BaseException:
            connection.close()
            raise
    except (sqlite3.Error, OSError, FileTrouble) as error:
        raise trouble_with(error) from error
    return connection


def set_aside(path: Path, kind: Trouble) -> Path:
    """Rename the file, with its companions, so that a new one may begin.

    Returns:
        where it lies now.

    Raises:
        OSError: it cannot be renamed.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    aside = path.with_name(f"{path.name}.{kind}-{stamp}")
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside


def read_anchor(connection: sqlite3.Connection) -> Anchor:
    """The last moment at which the file was in use.

    Raises:
        sqlite3.Error: the file cannot be read.
    """
    return Anchor(*connection.execute("SELECT file_s, elapsed_s, boot FROM header").fetchone())


def write_anchor(connection: sqlite3.Connection, anchor: Anchor) -> None:
    """Say that the file is in use now. Raises as ``read_anchor``."""
    connection.execute("UPDATE header SET file_s = ?, elapsed_s = ?, boot = ?", anchor)


def forget_everything(connection: sqlite3.Connection) -> None:
    """Let go of all entries, and of the bytes that they took on the disk.

    Raises:
        sqlite3.Error: the file cannot be written.
    """
    connection.execute("DELETE FROM entries")
    give_back_space(connection)


def give_back_space(connection: sqlite3.Connection) -> None:
    """Let go of the bytes on the disk that nothing uses. Raises as ``forget_everything``."""
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def check_ours(connection: sqlite3.Connection) -> bool:
    """Whether the file has our schema; False where it has none yet.

    Raises:
        FileTrouble: it is another program's, or a newer Underdog's.
        sqlite3.Error: the file cannot be read.
    """
    if not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        return False
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise FileTrouble("foreign", _FOREIGN_TEXT)
    if connection.execute("PRAGMA user_version").fetchone()[0] != SCHEMA_VERSION:
        raise FileTrouble("newer", _NEWER_TEXT)
    return True


def _prepare(connection: sqlite3.Connection, *, deadline: float) -> None:
    enter_wal_mode(connection, deadline=deadline)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute(f"PRAGMA journal_size_limit = {LARGEST_LOG_BYTES}")
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have made the schema while we waited for the lock.
        if not check_ours(connection):
            _create(connection)
        elif connection.execute("SELECT key_version FROM header").fetchone() != (KEY_VERSION,):
            # Keys are made differently by now: no request would ever find these.
            connection.execute("DELETE FROM entries")
            connection.execute("UPDATE header SET key_version = ?", (KEY_VERSION,))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _create(connection: sqlite3.Connection) -> None:
    for statement in _SCHEMA:
        connection.execute(statement)
    connection.execute("INSERT INTO header VALUES (?, ?, ?, ?)", (KEY_VERSION, *anchored_now()))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
