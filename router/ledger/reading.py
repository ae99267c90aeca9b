"""Reading the ledger beside whoever writes it: the file is looked at and never changed, its schema least of all."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from router.errors import LedgerError
from router.ledger.database import connect_reader, explain
from router.ledger.migrations import require_newest_schema

BUSY_TIMEOUT_S = 5.0


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to the ledger that refuses to write; a server may be writing meanwhile.

    Raises:
        LedgerError: there is no such ledger, its schema is not the newest, or it cannot be read, here or by what is
            asked inside.
    """
    if not path.is_file():
        raise LedgerError(f"ledger {path}: there is none; name its folder with --home, or let the server answer first.")
    try:
        with contextlib.closing(connect_reader(path, busy_timeout_s=BUSY_TIMEOUT_S)) as connection:
            require_newest_schema(connection, path)
            yield connection
    except sqlite3.Error as error:
        raise explain(error, path) from error
