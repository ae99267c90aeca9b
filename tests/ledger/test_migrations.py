"""Schema steps on real files."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from router.database import migrate
from router.database.sqlite import SqliteDatabase
from router.errors import LedgerError
from router.ledger import Ledger
from router.ledger.migrations import COMPONENT, MIGRATIONS
from router.ledger.rows import COLUMNS
from tests.ledger.support import a_row


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


def version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_every_field_of_a_row_has_a_column_and_every_column_a_field(path: Path) -> None:
    database = SqliteDatabase(path)
    migrate(database, COMPONENT, MIGRATIONS)
    with database.reading() as connection:
        columns = [name for (name,) in connection.execute("SELECT name FROM pragma_table_info('requests')")]
    database.close()
    assert sorted(columns) == sorted(("seq", *COLUMNS))


def test_a_file_of_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    newer = (*MIGRATIONS, ("CREATE TABLE future (x)",))
    with contextlib.closing(SqliteDatabase(path)) as database:
        migrate(database, COMPONENT, newer)
    said = f"written by a newer Underdog \\(schema {len(newer)}, this one knows {len(MIGRATIONS)}\\); upgrade"
    with pytest.raises(LedgerError, match=said):
        Ledger.open(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert version(connection) == len(newer)


def test_the_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
        other.commit()
    with pytest.raises(LedgerError, match="database of another program"):
        Ledger.open(path)
    with contextlib.closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT name FROM sqlite_schema").fetchall() == [("recipes",)]


async def test_a_ledger_opened_again_has_its_rows_and_totals(path: Path) -> None:
    for request_id in ("req-1", "req-2"):
        ledger = Ledger.open(path)
        await ledger.record(a_row(request_id))
        await ledger.aclose()
    ledger = Ledger.open(path)
    assert [row.request_id for row in await ledger.recent()] == ["req-2", "req-1"]
    assert (await ledger.stats()).requests == 2
    await ledger.aclose()
