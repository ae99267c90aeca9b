"""Schema steps on real files."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.errors import LedgerError
from router.ledger import Ledger
from router.ledger.database import connect_writer
from router.ledger.migrations import MIGRATIONS, Migration, migrate
from router.ledger.rows import COLUMNS
from tests.ledger.support import a_row

OLD = (("CREATE TABLE things (name TEXT) STRICT", "INSERT INTO things VALUES ('kept')"),)
NEW: tuple[Migration, ...] = (
    *OLD,
    ("ALTER TABLE things ADD COLUMN colour TEXT",),
    ("UPDATE things SET colour = 'red'", "CREATE INDEX by_colour ON things (colour)"),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(connect_writer(path, busy_timeout_s=0.2)) as connection:
        yield connection


def version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_an_older_file_gets_the_missing_steps_and_keeps_its_rows(connection: sqlite3.Connection, path: Path) -> None:
    migrate(connection, path, OLD)
    assert version(connection) == 1
    migrate(connection, path, NEW)
    assert version(connection) == 3
    assert connection.execute("SELECT * FROM things").fetchall() == [("kept", "red")]


def test_migrating_twice_changes_nothing(connection: sqlite3.Connection, path: Path) -> None:
    migrate(connection, path, NEW)
    migrate(connection, path, NEW)
    assert connection.execute("SELECT * FROM things").fetchall() == [("kept", "red")]


def test_a_step_that_fails_takes_the_steps_before_it_back(connection: sqlite3.Connection, path: Path) -> None:
    migrate(connection, path, OLD)
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        migrate(connection, path, (*NEW, ("INSERT INTO nowhere VALUES (1)",)))
    assert version(connection) == 1
    assert connection.execute("SELECT * FROM things").fetchall() == [("kept",)]
    migrate(connection, path, NEW)
    assert version(connection) == 3


def test_every_field_of_a_row_has_a_column_and_every_column_a_field(connection: sqlite3.Connection, path: Path) -> None:
    migrate(connection, path)
    columns = [name for (name,) in connection.execute("SELECT name FROM pragma_table_info('requests')")]
    assert sorted(columns) == sorted(("seq", *COLUMNS))


def test_a_file_of_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    newer = (*MIGRATIONS, ("CREATE TABLE future (x)",))
    with contextlib.closing(connect_writer(path, busy_timeout_s=0.2)) as connection:
        migrate(connection, path, newer)
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
