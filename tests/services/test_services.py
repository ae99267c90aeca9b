"""The servers that other tests lean on do what those tests take for granted."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.services.postgres_server import PostgresServer, a_postgres
from tests.services.redis_server import RedisServer, a_redis


@pytest.mark.parametrize("turn", [1, 2])
async def test_every_test_finds_its_redis_database_empty(redis_server: RedisServer, redis_url: str, turn: int) -> None:
    select = f"SELECT {redis_url.rpartition('/')[2]}"
    assert await redis_server.ask(select, "DBSIZE") == ":0"
    assert await redis_server.ask(select, f"SET left-by {turn}", "DBSIZE") == ":1"


async def test_a_used_redis_database_is_emptied(redis_server: RedisServer) -> None:
    await redis_server.ask("SELECT 3", "SET left-by somebody")
    await redis_server.emptied(3)
    assert await redis_server.ask("SELECT 3", "DBSIZE") == ":0"


@pytest.mark.parametrize("turn", [1, 2])
async def test_every_test_finds_its_postgres_database_empty(
    postgres_server: PostgresServer, postgres_url: str, turn: int
) -> None:
    database = postgres_url.rpartition("/")[2]
    await postgres_server.execute(f"CREATE TABLE left_by_{turn} (n int)", database)
    with pytest.raises(AssertionError):
        await postgres_server.execute(f"SELECT * FROM left_by_{3 - turn}", database)


async def test_a_redis_of_ones_own_stops_and_comes_back_on_the_same_port(tmp_path: Path) -> None:
    async with a_redis(tmp_path) as server:
        url = server.url
        await server.stop()
        assert not await server.answers()
        await server.start()
        assert (server.url, await server.answers()) == (url, True)
    assert not server.running


async def test_a_redis_that_keeps_what_it_is_told_has_it_after_a_stop(tmp_path: Path) -> None:
    async with a_redis(tmp_path, keep=True) as server:
        await server.ask("SET kept yes")
        await server.stop()
        await server.start()
        assert await server.ask("DBSIZE") == ":1"


async def test_a_frozen_redis_answers_once_it_is_thawed(tmp_path: Path) -> None:
    async with a_redis(tmp_path) as server:
        server.freeze()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(server.ask("PING"), timeout=0.3)
        server.thaw()
        assert await server.ask("PING") == "+PONG"


async def test_a_postgres_of_ones_own_outlives_stop_kill_and_freezing(tmp_path: Path) -> None:
    async with a_postgres(tmp_path) as server:
        await server.execute("CREATE TABLE kept (n int)")
        await server.stop()
        assert not await server.answers()
        await server.start()
        await server.kill()
        await server.start()
        await server.execute("SELECT * FROM kept")

        server.freeze()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(server.execute("SELECT * FROM kept"), timeout=0.5)
        server.thaw()
        await server.execute("SELECT * FROM kept")
    assert not server.running
