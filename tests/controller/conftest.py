"""Two scripted models on an event loop of their own, since a Controller's plain calls hold up whoever makes them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from router.controller import Controller
from router.settings import Settings
from router.upstream.scripted import ScriptedServer, Turn


@dataclass
class Models:
    """The weak and the strong model, and the loop that they run on."""

    weak: ScriptedServer = field(default_factory=lambda: ScriptedServer(turns=[Turn(reply="from the weak one")]))
    strong: ScriptedServer = field(default_factory=lambda: ScriptedServer(turns=[Turn(reply="from the strong one")]))
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def controller(self, home: Path, **arguments: Any) -> Controller:
        """A Controller between the two."""
        given: dict[str, Any] = {
            "strong_model": "openai/gpt-4.1",
            "weak_model": "hosted_vllm/llama-3.1-8b",
            "strong_api_base": self.strong.base_url,
            "weak_api_base": self.weak.base_url,
            "api_key": "sk-of-both",
            "settings": Settings(home=str(home)),
        }
        return Controller(**{**given, **arguments})


@contextmanager
def running_models() -> Iterator[Models]:
    """Two models until the block ends."""
    models = Models()
    thread = threading.Thread(target=models.loop.run_forever)
    thread.start()

    async def start() -> AsyncExitStack:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(models.weak)
            await stack.enter_async_context(models.strong)
            return stack.pop_all()

    stack = asyncio.run_coroutine_threadsafe(start(), models.loop).result()
    try:
        yield models
    finally:
        asyncio.run_coroutine_threadsafe(stack.aclose(), models.loop).result()
        models.loop.call_soon_threadsafe(models.loop.stop)
        thread.join()
        models.loop.close()


@pytest.fixture
def models() -> Iterator[Models]:
    with running_models() as models:
        yield models


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    """A Controller for tests that change nothing of it or its models."""
    with running_models() as models, models.controller(tmp_path_factory.mktemp("home")) as controller:
        yield controller


@pytest.fixture
def client(models: Models, tmp_path: Path) -> Iterator[Controller]:
    with models.controller(tmp_path) as controller:
        yield controller
