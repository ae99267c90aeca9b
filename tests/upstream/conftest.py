"""Fixtures of the upstream tests: the embedded LLM, and ways to build upstreams."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest_asyncio

from router.upstream.embedded.upstream import EmbeddedUpstream
from router.upstream.openai_compatible import OpenAICompatibleUpstream
from router.upstream.scripted import ScriptedServer

Connect = Callable[..., OpenAICompatibleUpstream]
Serve = Callable[..., Awaitable[ScriptedServer]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def embedded(embedded_home: Path) -> AsyncIterator[EmbeddedUpstream]:
    """The real embedded LLM, started once. Tests that use it run in the session's event loop."""
    upstream = EmbeddedUpstream(name="weak", home=embedded_home, ready_timeout_s=120)
    await upstream.start()
    yield upstream
    await upstream.aclose()


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts scripted servers, and stops them after the test."""
    servers: list[ScriptedServer] = []

    async def start(**options: Any) -> ScriptedServer:
        server = ScriptedServer(**options)
        await server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.aclose()


@pytest_asyncio.fixture
async def connect() -> AsyncIterator[Connect]:
    """Builds upstreams for servers, and closes them after the test."""
    upstreams: list[OpenAICompatibleUpstream] = []

    def build(server: ScriptedServer, **options: Any) -> OpenAICompatibleUpstream:
        upstream = OpenAICompatibleUpstream(**{"name": "strong", "base_url": server.base_url, "model": "m"} | options)
        upstreams.append(upstream)
        return upstream

    yield build
    for upstream in upstreams:
        await upstream.aclose()
