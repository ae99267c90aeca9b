"""Servers that answer by prompt, and the command, run in a thread beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from click.testing import CliRunner, Result

from tests.label.support import AnsweringServer
from training.cli import main

Serve = Callable[..., Awaitable[AnsweringServer]]
Label = Callable[..., Awaitable[Result]]


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts servers, and stops them after the test."""
    servers: list[AnsweringServer] = []

    async def start(answer: Any, **options: Any) -> AnsweringServer:
        server = AnsweringServer(answer, **options)
        await server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.aclose()


@pytest.fixture
def label(monkeypatch: pytest.MonkeyPatch) -> Label:
    """Runs ``train-router label``; retries wait milliseconds."""
    monkeypatch.setattr("training.label.ask.LONGEST_WAIT_S", 0.01)

    async def run(*words: object, env: dict[str, str] | None = None) -> Result:
        return await asyncio.to_thread(CliRunner(env=env).invoke, main, ["label", *(str(word) for word in words)])

    return run
