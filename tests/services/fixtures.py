"""Fixtures for every test: one Redis and one PostgreSQL a session, with an empty database of each for every test.

A test that stops, kills or freezes a server starts one of its own: `a_redis`, `a_postgres`.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.services.postgres_server import PostgresServer, a_postgres
from tests.services.redis_server import DATABASES, RedisServer, a_redis

_numbers = itertools.cycle(range(DATABASES))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def redis_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RedisServer]:
    """A Redis that all tests share; not to be stopped."""
    async with a_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
async def redis_url(redis_server: RedisServer) -> str:
    """The URL of an empty Redis database, not that of the test before."""
    return await redis_server.emptied(next(_numbers))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PostgresServer]:
    """A PostgreSQL that all tests share; not to be stopped."""
    async with a_postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
async def postgres_url(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """The URL of an empty PostgreSQL database, which goes with the test."""
    url = await postgres_server.new_database()
    yield url
    await postgres_server.drop(url)
