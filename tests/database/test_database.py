"""One contract, two engines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from router.configured.secret import Secret
from router.database import Database, migrate, open_database, require_newest_schema
from router.errors import DatabaseError, ValueRefused
from router.settings import Settings
from tests.database.support import COUNT, ROWS, STEPS, opened, start_child


@pytest.fixture
def database(where: str) -> Iterator[Database]:
    database = opened(where, announce="things")
    yield database
    database.close()


def names(database: Database) -> list[str]:
    with database.reading() as connection:
        return [name for (name,) in connection.execute("SELECT name FROM things ORDER BY id")]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_steps_that_are_missing_are_applied_and_rows_stay(database: Database) -> None:
    with pytest.raises(DatabaseError, match=r"nothing is kept there yet|there is none"):
        require_newest_schema(database, "ledger", STEPS)
    migrate(database, "ledger", STEPS[:1])
    with database.writing() as connection:
        connection.execute("INSERT INTO things (name) VALUES (?)", ("kept",))
    with pytest.raises(DatabaseError, match="of an older schema; start the server"):
        require_newest_schema(database, "ledger", STEPS)
    migrate(database, "ledger", STEPS)
    migrate(database, "ledger", STEPS)
    require_newest_schema(database, "ledger", STEPS)
    with database.reading() as connection:
        assert connection.execute("SELECT name, weight, body FROM things").fetchall() == [("kept", None, None)]


def test_a_step_that_fails_takes_the_steps_before_it_back(database: Database) -> None:
    migrate(database, "ledger", STEPS[:1])
    with pytest.raises(DatabaseError, match="nowhere"):
        migrate(database, "ledger", (*STEPS, ("INSERT INTO nowhere VALUES (1)",)))
    with database.schema("ledger") as schema:
        assert schema.version == 1
    migrate(database, "ledger", STEPS)


def test_a_newer_schema_is_refused_and_left_alone(database: Database) -> None:
    migrate(database, "ledger", STEPS)
    with pytest.raises(DatabaseError, match=r"newer Underdog \(schema 2, this one knows 1\); upgrade"):
        migrate(database, "ledger", STEPS[:1])
    with pytest.raises(DatabaseError, match="newer Underdog"):
        require_newest_schema(database, "ledger", STEPS[:1])


def test_values_of_every_type_come_back_as_they_were(database: Database) -> None:
    migrate(database, "ledger", STEPS)
    hostile = "'; DROP TABLE things; -- ? % %s ü 𝄞 \\"
    with database.writing() as connection:
        values = (2**62, hostile, "0.000000000000000000000001", 0.1, b"\x00\xff")
        connection.execute("INSERT INTO things (id, name, price, weight, body) VALUES (?, ?, ?, ?, ?)", values)
    with database.reading() as connection:
        found = connection.execute("SELECT id, name, price, weight, body FROM things WHERE name = ?", (hostile,))
        assert found.fetchone() == values
        assert connection.execute("SELECT '?', 'a%', 5 % 3").fetchone() == ("?", "a%", 2)


def test_a_block_that_raises_leaves_nothing_behind(database: Database) -> None:
    migrate(database, "ledger", STEPS)
    with pytest.raises(KeyError), database.writing() as connection:
        connection.execute("INSERT INTO things (name) VALUES (?)", ("gone",))
        raise KeyError
    assert names(database) == []


def test_a_value_that_is_refused_is_told_from_a_database_that_is_away(database: Database) -> None:
    migrate(database, "ledger", STEPS)
    for _ in range(2):
        with pytest.raises(ValueRefused) as refused, database.writing() as connection:
            connection.executemany("INSERT INTO things (name) VALUES (?)", [("twice",), ("twice",)])
        assert str(refused.value).startswith(database.name)
    assert names(database) == []


def test_a_reader_sees_one_moment_and_may_not_write(database: Database) -> None:
    migrate(database, "ledger", STEPS)
    with database.reading() as reader:
        assert reader.execute("SELECT count(*) FROM things").fetchone() == (0,)
        with database.writing() as writer:
            writer.execute("INSERT INTO things (name) VALUES (?)", ("new",))
        assert reader.execute("SELECT count(*) FROM things").fetchone() == (0,)
    with pytest.raises(DatabaseError), database.reading() as reader:
        reader.execute("INSERT INTO things (name) VALUES ('x')")
    assert names(database) == ["new"]


def test_rows_are_streamed_and_the_stream_may_be_left(database: Database) -> None:
    migrate(database, "ledger", STEPS)
    with database.writing() as connection:
        connection.executemany("INSERT INTO things (name) VALUES (?)", [(str(n),) for n in range(2500)])
    with database.reading() as connection:
        assert len(list(connection.stream("SELECT name FROM things WHERE id > ?", (0,)))) == 2500
    with database.reading() as connection:
        next(iter(connection.stream("SELECT name FROM things")))
    assert len(names(database)) == 2500


def test_exact_amounts_add_up_exactly(database: Database) -> None:
    migrate(database, "ledger", STEPS)
    with database.writing() as connection:
        for amount in ("0.1", "0.2", "100000000000000000000.000000000000000000000001"):
            connection.execute(COUNT, ("all", 1, amount))
        connection.executemany(
            "INSERT INTO things (name, price) VALUES (?, ?)", [("a", "0.1"), ("b", None), ("c", "0.2")]
        )
    with database.reading() as connection:
        assert connection.execute("SELECT n, price FROM sums").fetchall() == [
            (3, "100000000000000000000.300000000000000000000001")
        ]
        assert connection.execute("SELECT exact_sum(price) FROM things").fetchone() == ("0.3",)
        assert connection.execute("SELECT exact_sum(price) FROM things WHERE name = 'b'").fetchone() == (None,)


def test_processes_that_start_together_migrate_once_and_lose_no_write(where: str) -> None:
    children = [start_child(where) for _ in range(3)]
    assert [child.wait(timeout=60) for child in children] == [0, 0, 0]
    database = opened(where)
    with database.reading() as connection:
        found = connection.execute("SELECT name, n, price FROM sums ORDER BY name").fetchall()
    database.close()
    assert found == [("one", 3 * ROWS, f"{3 * ROWS / 10:.1f}"), ("two", 6 * ROWS, f"{3 * ROWS * 2 / 100:.2f}")]


def test_what_another_connection_writes_changes_the_stamp(database: Database, where: str) -> None:
    migrate(database, "ledger", STEPS)
    other = opened(where, announce="things")
    database.changed()
    wait_for(lambda: bool(database.changed()))  # it listens
    before = database.changed()
    assert database.changed() == before
    with other.writing() as connection:
        connection.execute("INSERT INTO things (name) VALUES ('x')")
    wait_for(lambda: database.changed() != before)
    other.close()


def test_the_settings_choose_a_file_for_each_component_or_one_database_for_all(tmp_path: Path) -> None:
    assert open_database(Settings(home=str(tmp_path)), "ledger").name == str(tmp_path / "ledger.sqlite3")
    assert open_database(Settings(home=str(tmp_path)), "accounts").name == str(tmp_path / "accounts.sqlite3")
    settings = Settings(home=str(tmp_path), database_url=Secret("postgresql://me:secret@db.example:5433/company"))
    for component in ("ledger", "accounts"):
        assert open_database(settings, component).name == "postgresql://db.example:5433/company"
    assert list(tmp_path.iterdir()) == []
