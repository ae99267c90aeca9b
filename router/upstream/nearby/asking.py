"""Asking a stranger on a loopback port: short, bounded, and without a key."""

from __future__ import annotations

from typing import Any, Self

import httpx
import msgspec
from msgspec import Struct

from router.errors import UNREADABLE_JSON

CONNECT_S = 0.5
ANSWER_S = 2.0
MOST_BYTES = 4_000_000

HOSTS = ("127.0.0.1", "[::1]")
"""The only addresses that are ever asked."""


class Heard(Struct, frozen=True):
    """An answer: its status, its headers in lower case, its text, and its JSON object (empty where it is none)."""

    status: int
    headers: dict[str, str]
    text: str
    json: dict[str, Any]

    @property
    def well(self) -> bool:
        """Whether it is an answer and no refusal."""
        return self.status == 200


class Stranger:
    """Whoever listens on a port of this machine.

    No key is sent: nobody knows who it is. No proxy is asked, and no redirect followed, so that nothing leaves the
    machine.
    """

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self.url = url
        self._client = client
        self._heard: dict[str, Heard | None] = {}

    @classmethod
    async def at(cls, client: httpx.AsyncClient, port: int) -> Self | None:
        """Who listens on the port; None where nobody does, or who does speaks no HTTP."""
        for host in HOSTS:
            stranger = cls(client, f"http://{host}:{port}")
            if await stranger.hear("/") is not None:
                return stranger
        return None

    async def hear(self, path: str) -> Heard | None:
        """What it answers to ``GET path``, asked once; None where it does not."""
        if path not in self._heard:
            self._heard[path] = await self._ask(path)
        return self._heard[path]

    async def _ask(self, path: str) -> Heard | None:
        body = bytearray()
        try:
            async with self._client.stream("GET", self.url + path) as response:
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > MOST_BYTES:
                        return None
        except (httpx.HTTPError, httpx.InvalidURL):
            return None
        return Heard(
            response.status_code, dict(response.headers), body.decode("utf-8", "replace"), _object(bytes(body))
        )


def loopback_client() -> httpx.AsyncClient:
    """A client for `Stranger`."""
    return httpx.AsyncClient(
        timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
        trust_env=False,
        follow_redirects=False,
        headers={"accept": "application/json"},
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (*UNREADABLE_JSON, msgspec.ValidationError):
        return {}
