"""A live server for the clients of other houses: ``weak`` answers by script, ``strong`` plays a recording."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from router.upstream.scripted import ScriptedServer, Turn
from tests.clients.recordings import CHUNKS, WHOLE
from tests.live import LiveServer, live_server
from tests.recorded import RecordedServer

KEY = "sesame"
REPLY = "Paris, on the Seine."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def weak() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(model="weak-model", turns=[Turn(reply=REPLY)]) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def strong() -> AsyncIterator[RecordedServer]:
    async with RecordedServer(answer=WHOLE, events=CHUNKS) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(
    tmp_path_factory: pytest.TempPathFactory, weak: ScriptedServer, strong: RecordedServer
) -> AsyncIterator[LiveServer]:
    upstreams = ["--weak-url", weak.base_url, "--weak-model", "weak-model"]
    upstreams += ["--strong-url", strong.base_url, "--strong-model", "recorded-model"]
    home = tmp_path_factory.mktemp("home")
    async with live_server(home, *upstreams, environ={"UNDERDOG_API_KEY": KEY}) as running:
        yield running
