"""Reading the ledger beside whoever writes it: it is looked at and never changed, its schema least of all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from router.database import Connection, Database, require_newest_schema
from router.errors import DatabaseError, LedgerError
from router.ledger.migrations import COMPONENT, MIGRATIONS


@contextlib.contextmanager
def reading(database: Database) -> Iterator[Connection]:
    """A connection to the ledger that refuses to write; a server may be writing meanwhile.

    Raises:
        LedgerError: there is no such ledger, its schema is not the newest, or it cannot be read, here or by what is
            asked inside.
    """
    with as_ledger_errors():
        require_newest_schema(database, COMPONENT, MIGRATIONS)
        with database.reading() as connection:
            yield connection


@contextlib.contextmanager
def as_ledger_errors() -> Iterator[None]:
    """What is wrong with the database is wrong with the ledger."""
    try:
        yield
    except DatabaseError as error:
        raise LedgerError(f"ledger {error}") from error
