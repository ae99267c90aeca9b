"""Either engine, empty."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from router.configured.secret import Secret
from router.database import Database
from router.database.sqlite import SqliteDatabase

Opened = Callable[[], Database]


@pytest.fixture(params=["sqlite", "postgres"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """Opens the same database once more, as another server would; all are closed in the end."""
    url = str(request.getfixturevalue("postgres_url")) if request.param == "postgres" else None
    databases: list[Database] = []

    def one_more() -> Database:
        database: Database
        if url is None:
            database = SqliteDatabase(tmp_path / "ledger.sqlite3")
        else:
            from router.database.postgres import PostgresDatabase

            database = PostgresDatabase(Secret(url))
        databases.append(database)
        return database

    yield one_more
    for database in databases:
        database.close()


@pytest.fixture
def database(opened: Opened) -> Database:
    """A database with nothing in it."""
    return opened()
