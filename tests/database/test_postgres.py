"""PostgreSQL that is restarted, frozen, away, or not what the URL says."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from router.configured.secret import Secret
from router.database import migrate
from router.database.postgres import PostgresDatabase
from router.database.postgres_words import placeholders, translate
from router.errors import DatabaseError
from tests.database.support import STEPS
from tests.services.postgres_server import PostgresServer, a_postgres
from tests.services.process import free_port


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PostgresServer]:
    """A PostgreSQL that these tests may stop; each leaves it running."""
    async with a_postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


def write(database: PostgresDatabase, name: str) -> None:
    with database.writing() as connection:
        connection.execute("INSERT INTO things (name) VALUES (?)", (name,))


async def test_a_restart_is_noticed_by_nobody_who_asks_after_it(server: PostgresServer) -> None:
    with contextlib.closing(PostgresDatabase(Secret(await server.new_database()), announce="things")) as database:
        migrate(database, "ledger", STEPS)
        write(database, "before")
        database.changed()
        await server.stop()
        with pytest.raises(DatabaseError, match="no connection, or it was cut; check that PostgreSQL runs") as away:
            write(database, "lost")
        assert server.password not in str(away.value)
        stamp = database.changed()
        await server.start()
        write(database, "after")
        with database.reading() as connection:
            assert connection.execute("SELECT name FROM things ORDER BY id").fetchall() == [("before",), ("after",)]
        while database.changed() == stamp:  # it listens again, and what it missed counts as a change
            await asyncio.sleep(0.05)


async def test_a_server_that_is_frozen_is_given_up_and_used_again_once_it_is_not(server: PostgresServer) -> None:
    with contextlib.closing(PostgresDatabase(Secret(await server.new_database()), write_timeout_s=0.5)) as database:
        migrate(database, "ledger", STEPS)
        server.freeze()
        began = time.monotonic()
        with pytest.raises(DatabaseError, match="check that PostgreSQL runs"):
            await asyncio.to_thread(write, database, "frozen")
        assert time.monotonic() - began < 20
        server.thaw()
        write(database, "thawed")


async def test_a_pooler_that_lets_in_and_leads_nowhere_is_given_up(server: PostgresServer) -> None:
    async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", server.port)

        async def answers() -> None:
            while data := await there.read(65_536):
                writer.write(data)

        answering = asyncio.create_task(answers())
        # Who is let in hears nothing more.
        while (data := await reader.read(65_536)) and b"search_path" not in data:
            back.write(data)
        await reader.read()
        answering.cancel()
        back.close()
        writer.close()

    async with await asyncio.start_server(passed_on, "127.0.0.1", 0) as pooler:
        port = pooler.sockets[0].getsockname()[1]
        url = server.url.replace(f":{server.port}/", f":{port}/")
        began = time.monotonic()
        with (
            contextlib.closing(PostgresDatabase(Secret(url))) as database,
            pytest.raises(DatabaseError, match="check that PostgreSQL runs"),
        ):
            await asyncio.to_thread(write, database, "x")
        assert time.monotonic() - began < 20


def test_an_address_where_nobody_listens_is_named_without_its_password() -> None:
    database = PostgresDatabase(Secret(f"postgresql://me:hidden@127.0.0.1:{free_port()}/x"))
    with pytest.raises(DatabaseError, match=r"^postgresql://127\.0\.0\.1:\d+/x: no connection") as away:
        write(database, "x")
    assert "hidden" not in str(away.value)


async def test_a_wrong_password_or_database_says_what_to_check(postgres_server: PostgresServer) -> None:
    for url, said in (
        (postgres_server.url.replace(postgres_server.password, "hidden"), "check user and password"),
        (postgres_server.url_of("nowhere"), "there is no such database"),
    ):
        with pytest.raises(DatabaseError, match=said) as refused:
            write(PostgresDatabase(Secret(url)), "x")
        assert "hidden" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "hidden",
        "mysql://me:hidden@host/db",
        "postgresql://me:hid@den@host/db",
        "postgresql://me:hid/den@host/db",
        "postgresql://me:hid?den@host/db",
        "postgresql://me:hid#den@host/db",
        "postgresql://me:%zzhidden@host/db",
        "postgresql://host/db?hidden",
    ],
)
def test_a_url_that_is_none_is_refused_without_telling_it(url: str) -> None:
    with pytest.raises(DatabaseError, match=r"UNDERDOG_DATABASE_URL: ") as refused:
        PostgresDatabase(Secret(url))
    assert "hid" not in str(refused.value)


async def test_a_statement_that_takes_too_long_is_ended(postgres_url: str) -> None:
    database = PostgresDatabase(Secret(postgres_url), write_timeout_s=0.2)
    with pytest.raises(DatabaseError, match="takes too long to answer"), database.writing() as connection:
        connection.execute("SELECT pg_sleep(30)")
    database.close()


async def test_a_text_with_a_nul_is_kept_without_it(postgres_url: str) -> None:
    database = PostgresDatabase(Secret(postgres_url))
    migrate(database, "ledger", STEPS)
    write(database, "a\0b")
    with database.reading() as connection:
        assert connection.execute("SELECT name FROM things").fetchone() == ("a\ufffdb",)
    database.close()


async def test_our_tables_stay_out_of_the_way_of_others(postgres_url: str) -> None:
    database = PostgresDatabase(Secret(postgres_url))
    migrate(database, "ledger", STEPS)
    with database.reading() as connection:
        found = connection.execute(
            "SELECT DISTINCT table_schema FROM information_schema.tables WHERE table_name IN ('things', 'versions')"
        ).fetchall()
    database.close()
    assert found == [("underdog",)]


def test_what_only_looks_like_a_placeholder_is_left_alone() -> None:
    assert placeholders("SELECT ?, '?', \"?\" -- ?\n, 5 % ?") == "SELECT %s, '?', \"?\" -- ?\n, 5 %% %s"


def test_the_words_of_sqlite_are_translated() -> None:
    said = translate(
        "CREATE TABLE t (seq INTEGER PRIMARY KEY, n INTEGER CHECK (k IN ('REAL')), x REAL) STRICT, WITHOUT ROWID"
    )
    assert said == (
        "CREATE TABLE t (seq BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, n BIGINT CHECK (k IN ('REAL')), "
        "x DOUBLE PRECISION)"
    )
