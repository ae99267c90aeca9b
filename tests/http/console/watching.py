"""Watching a real server's console, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec

from tests.live import LiveServer

LIVE = "/console/api/live"


class Told:
    """A stream of server-sent events that was opened."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._blocks = self._read()

    async def _read(self) -> AsyncIterator[tuple[str, Any]]:
        waiting = ""
        async for text in self.answer.aiter_text():
            waiting += text
            *blocks, waiting = waiting.split("\n\n")
            for block in blocks:
                first, second = block.split("\n")
                yield first.removeprefix("event: "), msgspec.json.decode(second.removeprefix("data: "))

    async def next(self, name: str) -> Any:
        """The next event of that name; those of other names before it are passed over."""
        async for event, data in self._blocks:
            if event == name:
                return data
        raise EOFError(f"the stream ended before an event '{name}'")

    async def rest(self) -> list[tuple[str, Any]]:
        """All events until the end."""
        return [each async for each in self._blocks]


@asynccontextmanager
async def watching(server: LiveServer, headers: Mapping[str, str] | None = None) -> AsyncIterator[Told]:
    """Watch as a page does."""
    async with server.http() as http, http.stream("GET", LIVE, headers=dict(headers or {})) as answer:
        assert answer.status_code == 200, await answer.aread()
        yield Told(answer)
