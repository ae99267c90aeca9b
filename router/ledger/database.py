"""Opening the SQLite file, and turning SQLite's complaints into sentences that name a remedy.

Why ``journal_mode=WAL`` with ``synchronous=NORMAL``: a commit writes its pages to the log file and returns without
``fsync``. What a process has written belongs to the kernel, so ``kill -9`` cannot take a committed row back. Only a
power cut or a kernel crash can lose the commits since the last checkpoint, and even then the file stays consistent.
``FULL`` would pay one ``fsync`` per commit to guard against that rarer loss, and readers would gain nothing. In WAL
mode readers do not block the writer, nor the writer readers.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from router.database.wal import enter_wal_mode
from router.errors import LedgerError

_REMEDIES = {
    "SQLITE_BUSY": "another process keeps it locked; stop that process (a backup, an SQL shell, a second server)",
    "SQLITE_READONLY": "it is read-only; give this user write access to the file and its folder",
    "SQLITE_CANTOPEN": "it cannot be opened; check that the folder exists and that this user may write to it",
    "SQLITE_PERM": "access is denied; give this user write access to the file and its folder",
    "SQLITE_FULL": "the disk is full; free some space, rows are written again as soon as there is room",
    "SQLITE_IOERR": "the disk refuses reads or writes; check free space, quotas and the disk's health",
    "SQLITE_CORRUPT": "the file is damaged; move it aside (with its -wal and -shm files) and restart, or use a backup",
    "SQLITE_NOTADB": "the file is no SQLite database; move it aside or choose another `home`, then restart",
}


def connect_writer(path: Path, *, busy_timeout_s: float) -> sqlite3.Connection:
    """Open ``path`` for writing, creating it and its folder, readable by this user only.

    Args:
        path: the database file.
        busy_timeout_s: seconds to wait for another process's lock before giving up.

    Returns:
        A connection in autocommit mode (transactions are written out) that may be handed to another thread.

    Raises:
        sqlite3.Error, OSError: see ``explain``.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False)
    try:
        enter_wal_mode(connection, deadline=time.monotonic() + busy_timeout_s)
        connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_reader(path: Path, *, busy_timeout_s: float) -> sqlite3.Connection:
    """Open ``path`` for reading. The file must exist; statements that write are refused.

    Raises:
        sqlite3.Error: see ``explain``.
    """
    # Not mode=ro: even a reader of a WAL file may have to create the shared-memory file beside it.
    uri = f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(uri, uri=True, timeout=busy_timeout_s, isolation_level=None)
    connection.execute("PRAGMA query_only = ON")
    return connection


def explain(error: Exception, path: Path) -> LedgerError:
    """The sentence for whoever must act: which file, what is wrong with it, and what to do."""
    if isinstance(error, LedgerError):
        return error
    if isinstance(error, sqlite3.Error):
        name = getattr(error, "sqlite_errorname", None) or ""
        primary = "_".join(name.split("_")[:2])  # SQLITE_IOERR_WRITE is a kind of SQLITE_IOERR
        remedy = _REMEDIES.get(primary, "this is not expected; please report it with the text in brackets")
        return LedgerError(f"ledger {path}: {remedy} ({error}).")
    if isinstance(error, OSError):
        return LedgerError(
            f"ledger {path}: cannot be opened ({error.strerror}); choose a `home` that this user can write to."
        )
    return LedgerError(f"ledger {path}: {error}")
