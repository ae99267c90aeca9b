"""Whoever comes to a server with keys: the master key, keys of two teams and of nobody's, strangers."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.live import LiveServer

MASTER = "marked-master-key-9c1f"
SHARED = "marked-shared-key-4e2a"


class Visitor:
    """Asks a server, with one key or another."""

    def __init__(self, server: LiveServer, http: httpx.AsyncClient) -> None:
        self.server = server
        self.http = http

    async def ask(self, method: str, path: str, key: str | None, **options: Any) -> httpx.Response:
        """Any request."""
        headers = bearer(key) | options.pop("headers", {})
        return await self.http.request(method, path, headers=headers, **options)

    async def chat(
        self,
        key: str | None,
        text: str = "Hello",
        *,
        query: str = "",
        headers: dict[str, str] | None = None,
        **fields: Any,
    ) -> httpx.Response:
        """One chat request."""
        body = {"model": "auto", "messages": [{"role": "user", "content": text}], **fields}
        return await self.ask("POST", f"/v1/chat/completions{query}", key, json=body, headers=headers or {})

    async def admin(self, method: str, path: str, body: Any = None, *, key: str | None = MASTER) -> httpx.Response:
        """A request of the admin API."""
        return await self.ask(method, f"/admin/{path}", key, json=body)

    async def key(self, **form: Any) -> dict[str, Any]:
        """A new key."""
        answer = await self.admin("POST", "keys", form)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def team(self, **form: Any) -> dict[str, Any]:
        """A new team."""
        answer = await self.admin("POST", "teams", form)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def underdog(self, *arguments: str) -> str:
        """What a command prints that works on the server's home, in a process of its own."""
        command = [sys.executable, "-m", "router", *arguments, "--home", str(self.server.home)]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        async with asyncio.timeout(60):
            out, _ = await process.communicate()
        assert process.returncode == 0
        return out.decode()


@asynccontextmanager
async def visiting(server: LiveServer) -> AsyncIterator[Visitor]:
    """A visitor with connections of its own."""
    async with server.http() as http:
        yield Visitor(server, http)


def bearer(key: str | None) -> dict[str, str]:
    """The header that carries a key."""
    return {} if key is None else {"authorization": f"Bearer {key}"}
