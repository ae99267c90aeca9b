"""How our SQLite files begin, whoever owns them."""

from __future__ import annotations

import sqlite3
import time

_RETRY_S = 0.02


def enter_wal_mode(connection: sqlite3.Connection, *, deadline: float) -> None:
    """Let readers and a writer share the file; tried again while another process holds its lock.

    SQLite does not wait for that lock here, whatever its timeout: of two servers that start together on a new file, one
    would now and then be refused.

    Args:
        connection: outside any transaction.
        deadline: of ``time.monotonic``.

    Raises:
        sqlite3.OperationalError: the lock was held until the deadline, or the file cannot be written.
    """
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            # The low byte is the primary code: SQLITE_BUSY_RECOVERY is a kind of SQLITE_BUSY.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
        time.sleep(_RETRY_S)
