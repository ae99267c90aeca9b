"""Bytes where there should be a request, at every door that the OpenAPI document names: always a clear answer."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from router.upstream.scripted import ScriptedServer, Turn
from tests.live import LiveServer, routed

SEED = 20_261_129
CASES, CASES_IN_FULL = 500, 100_000
AT_ONCE = 16

BODY = json.dumps(
    {
        "model": "auto",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Is it?"}]}],
        "input": "Is it?",
        "prompt": "Is it?",
        "max_tokens": 5,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.5,
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        "metadata": {"user_id": "u"},
        "request_id": "req_0",
        "rating": "good",
    }
).encode()
"""Fit for every endpoint, as far as it goes: each reads the fields that it knows."""

HEADERS = [
    b"authorization", b"x-api-key", b"content-type", b"accept", b"accept-encoding", b"anthropic-version", b"user-agent",
    b"anthropic-beta", b"x-router-threshold", b"x-router-quality", b"x-request-id", b"cookie", b"origin", b"range",
    b"if-none-match", b"sec-fetch-site", b"content-encoding", b"expect", b"x-forwarded-for", b"accept-language", b"te",
]  # fmt: skip

VALUES = [
    b"", b"0.5", b"nan", b"1" * 300, b"Bearer ", b"Bearer \xff\xfe", b"\x80\x81", b"gzip", b"100-continue", b"bytes=0-",
    b"application/json", b"text/event-stream", b"*/*;q=9", b"{}", b"\xe2\x98\x83", b"a" * 4000, b"cross-site", b";;;=",
]  # fmt: skip

SPLICES = [
    b"\\ud800", b"\\u0000", b"NaN", b"\x00", b"\xff", b"1e999", b"9" * 400, b'"', b"{", b"}", b"[" * 60, b"null", b",",
    b"-0", b"\xed\xa0\x80", b"\xf0\x9f", b"true", b'"model":"strong",', b'"messages":[],', b'"n":99,', b'"x":{},',
]  # fmt: skip


def spoilt(body: bytes, chance: random.Random) -> bytes:
    """A body with a few bytes changed, cut out, doubled or put in."""
    spoilt_ = bytearray(body)
    for _ in range(chance.randint(0, 4)):
        at = chance.randrange(len(spoilt_) + 1)
        match chance.randrange(5):
            case 0:
                spoilt_[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del spoilt_[at : at + chance.randrange(1, 60)]
            case 2:
                spoilt_[at:at] = chance.choice(SPLICES)
            case 3:
                spoilt_[at:at] = spoilt_[at : at + chance.randrange(1, 60)]
            case _:
                del spoilt_[at:]
    return bytes(spoilt_)


def request(doors: list[tuple[str, str]], chance: random.Random) -> bytes:
    """A request that is whole as HTTP and nonsense within."""
    method, path = chance.choice(doors)
    names = ["x", "%00", "%ff", "auto", "0" * 300]
    path = "/".join(chance.choice(names) if "{" in part else part for part in path.split("/"))
    if chance.random() < 0.2:
        path += "?" + chance.choice(["threshold=", "quality=9", "strong_share=%ff", "%", "a=" + "b" * 900, "limit=-1"])
    body = spoilt(BODY, chance) if method != "GET" or chance.random() < 0.1 else b""
    head = [f"{method} {path} HTTP/1.1".encode(), b"host: fuzz", b"content-length: %d" % len(body)]
    count = chance.choice([0, 0, 1, 1, 2, 5])
    head += [chance.choice(HEADERS) + b": " + chance.choice(VALUES) for _ in range(count)]
    return b"\r\n".join([*head, b"", b""]) + body


class Caller:
    """One connection, opened again where the server closes it."""

    def __init__(self, server: LiveServer) -> None:
        host, _, port = server.url.removeprefix("http://").partition(":")
        self._at = host, int(port)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, sent: bytes) -> tuple[int, bytes, bytes]:
        """Status, head and body of the answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._at)
        reader, writer = self._streams
        writer.write(sent)
        head = await self._head(reader)
        if sent.startswith(b"HEAD "):
            body = b""
        elif b"transfer-encoding: chunked" in head:
            body = await _chunks(reader)
        else:
            length = next((line[15:] for line in head.split(b"\r\n") if line.startswith(b"content-length:")), b"0")
            body = await reader.readexactly(int(length))
        if b"connection: close" in head:
            self.close()
        return int(head.split(b" ", 2)[1]), head, body

    async def _head(self, reader: asyncio.StreamReader) -> bytes:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 100"):
                return head.lower()

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while True:
        size = int(await reader.readuntil(b"\r\n"), 16)
        body += (await reader.readexactly(size + 2))[:-2]
        if not size:
            return body


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[LiveServer]:
    async with (
        ScriptedServer(model="weak-model", turns=[Turn(reply="Yes.")]) as weak,
        ScriptedServer(model="strong-model", turns=[Turn(reply="No.")]) as strong,
        routed(tmp_path, weak, strong) as running,
    ):
        yield running


@pytest.mark.soak
async def test_no_bytes_at_any_door_are_a_fault_of_ours(server: LiveServer, full: bool) -> None:
    async with server.http() as http:
        document = (await http.get("/openapi/openapi.json")).json()
    doors = [(method.upper(), path) for path, item in document["paths"].items() for method in item]
    chance = random.Random(SEED)
    left = iter(range(CASES_IN_FULL if full else CASES))
    statuses: Counter[int] = Counter()

    async def call() -> None:
        caller = Caller(server)
        for _ in left:
            sent = request(doors, chance)
            try:
                async with asyncio.timeout(60):
                    status, head, body = await caller.ask(sent)
                statuses[status] += 1
                assert status < 500, body[:500]
                assert b"x-request-id: req_" in head
                assert b"Traceback" not in body
                if status >= 400 and not sent.startswith(b"HEAD"):
                    told = json.loads(body)
                    assert set(told["error"]) >= {"message", "type"}, body
                    assert len(told["error"]["message"]) < 1000
            except BaseException as error:
                error.add_note(f"sent: {sent!r}"[:3000])
                raise
        caller.close()

    await asyncio.gather(*(call() for _ in range(AT_ONCE)))
    print(f"\n{statuses.total()} requests at {len(doors)} doors: {dict(sorted(statuses.items()))}")
    assert {200, 400, 404} <= set(statuses)
    async with server.http() as http:
        assert (await http.get("/health")).status_code == 200
        in_flight = (await http.get("/health")).json()["upstreams"]["weak"]["deployments"][0]["in_flight"]
    assert in_flight == 0
    rows = server.ledger_rows()
    assert len(rows) == len({row["request_id"] for row in rows})
