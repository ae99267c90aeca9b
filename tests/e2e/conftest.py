"""A server between two scripted models, for modules that ask it many things; others start servers of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from router.upstream.scripted import ScriptedServer, Turn
from tests.live import LiveServer, routed


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def weak() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(model="weak-model", turns=[Turn(reply="from the weak one")]) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def strong() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(model="strong-model", turns=[Turn(reply="from the strong one")]) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(
    tmp_path_factory: pytest.TempPathFactory, weak: ScriptedServer, strong: ScriptedServer
) -> AsyncIterator[LiveServer]:
    async with routed(tmp_path_factory.mktemp("home"), weak, strong) as running:
        yield running
