"""Seeded nonsense at every door: no fault of ours, no traceback in an answer, every error in OpenAI's shape."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from router.upstream.scripted import ScriptedServer, Turn
from tests.live import EASY, LiveServer, routed

CHAT = "/v1/chat/completions"
SEED = 20_240_607
CASES, CASES_IN_FULL = 300, 6_000

VALID: dict[str, Any] = {
    "model": "auto",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": EASY}]},
        {"role": "assistant", "content": "Paris.", "tool_calls": [{"id": "1", "type": "function", "function": {}}]},
        {"role": "user", "content": "And of Spain?", "name": "a"},
    ],
    "stream": True,
    "stream_options": {"include_usage": True},
    "temperature": 0.5,
    "n": 1,
    "max_tokens": 10,
    "tools": [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}],
    "user": "somebody",
}

ODD: list[Any] = [
    None, True, False, 0, 1, -1, 10**30, 2**63, -0.0, 1e300, 0.5, "", " ", "auto", "auto:best", "auto:", "router-a-2",
    "weak", "cache", "user", "tool", "\x00", "a\r\nx-evil: 1", "½ \u202e 🐕", "x" * 5000, [], {}, [[]], [None], [{}],
    {"type": "text"}, {"type": "text", "text": 5}, {"type": [], "text": ""}, [{"type": "image_url", "image_url": 7}],
    {"role": "user"}, {"role": "user", "content": []}, {"": {"": [0] * 50}},
]  # fmt: skip

TEXTS = [
    "0.5", "1e-1", " 0.5 ", "0_1", "٣", "nan", "inf", "-0", "+1", "", "0x1", "1" * 400, "\t", "é", "%", "a\u2028b",
]  # fmt: skip

PATHS = [CHAT, "/v1/route", "/v1/models", "/v1/models/auto", "/v1/models/%00%ff", "/stats", "/cache/stats", "/health",
         "/", "//", "/v1/chat/completions/", "/openapi/openapi.json", "/v1/../stats", "/%2e%2e/%2e%2e"]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside a JSON value, the whole included."""
    found = [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += places(inner, (*path, key))
    return found


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


def odd_structure(chance: random.Random) -> bytes:
    body: Any = VALID
    for _ in range(chance.randint(1, 3)):
        body = replaced(body, chance.choice(places(body)), chance.choice(ODD))
    if isinstance(body, dict) and chance.random() < 0.3:
        body = {**body, chance.choice(["seed", "x", "modalities", "logprobs", "audio"]): chance.choice(ODD)}
    return json.dumps(body, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")


def odd_bytes(chance: random.Random) -> bytes:
    body = bytearray(json.dumps(VALID).encode())
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(body))
        match chance.randrange(4):
            case 0:
                body[at] = chance.randrange(256)
            case 1:
                del body[at : at + chance.randrange(1, 40)]
            case 2:
                body[at:at] = chance.choice([b"\\ud800", b"NaN", b"\x00", b"\xff", b"1e999", b"9" * 5000, b'"', b"{"])
            case _:
                depth = chance.choice([50, 900, 960, 975, 990, 5000])
                body[at:at] = b"[" * depth + b"]" * depth
        body = body or bytearray(b" ")
    return bytes(body)


def odd_nesting(chance: random.Random) -> bytes:
    depth = chance.randrange(940, 1000)
    field = chance.choice(["x", "tools"])
    nest = b"[" * depth + b"]" * depth
    value = b'[{"x":%b}]' % nest if field == "tools" else nest
    return b'{"messages":[{"role":"user","content":"hi"}],"%b":%b}' % (field.encode(), value)


def odd_request(chance: random.Random) -> dict[str, Any]:
    """Keyword arguments of ``httpx.AsyncClient.request``."""
    path = CHAT if chance.random() < 0.6 else chance.choice(PATHS)
    method = "POST" if chance.random() < 0.85 else chance.choice(["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
    make = chance.choice([odd_structure, odd_structure, odd_bytes, odd_nesting])
    names = ["threshold", "quality", "strong_share", "api-version", "treshold", ""]
    query = [(chance.choice(names), chance.choice(TEXTS)) for _ in range(chance.choice([0, 0, 0, 1, 2]))]
    fields = ["x-router-threshold", "x-router-quality", "cache-control", "content-encoding", "content-type", "expect"]
    headers = [
        (chance.choice(fields).encode(), chance.choice(TEXTS).strip().encode())
        for _ in range(chance.choice([0, 0, 0, 1, 2]))
    ]
    return {"method": method, "url": path, "params": query, "headers": headers, "content": make(chance)}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[LiveServer]:
    async with (
        ScriptedServer(model="weak-model", turns=[Turn(reply="Yes.")]) as weak,
        ScriptedServer(model="strong-model", turns=[Turn(reply="No.")]) as strong,
        routed(tmp_path, weak, strong) as running,
    ):
        yield running


def check(answer: httpx.Response) -> None:
    assert answer.status_code < 500, answer.text[:500]
    assert answer.headers["x-request-id"].startswith("req_")
    assert "Traceback" not in answer.text
    if answer.status_code >= 400:
        error = answer.json()["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert len(error["message"]) < 1000


@pytest.mark.soak
async def test_no_request_however_odd_is_a_fault_of_ours(server: LiveServer, full: bool) -> None:
    chance = random.Random(SEED)
    cases = [odd_request(chance) for _ in range(CASES_IN_FULL if full else CASES)]
    waiting = iter(cases)
    statuses: set[int] = set()
    async with server.http() as http:

        async def caller() -> None:
            for case in waiting:
                answer = await http.request(**case)
                try:
                    check(answer)
                except Exception as error:
                    error.add_note(f"the case: {case}"[:1000])
                    raise
                statuses.add(answer.status_code)

        await asyncio.gather(*(caller() for _ in range(4)))
        rows, stats = server.ledger_rows(), (await http.get("/stats")).json()
    # It would prove little if nothing got through, or everything.
    assert {200, 400, 404, 405} <= statuses
    assert stats["requests"] == len(rows) == len({row["request_id"] for row in rows}) > len(cases) / 3


@pytest.mark.soak
async def test_bytes_that_are_no_http_are_refused_in_openais_shape(server: LiveServer, full: bool) -> None:
    chance = random.Random(SEED)
    host, _, port = server.url.removeprefix("http://").partition(":")
    good = b"POST /v1/route HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\nx-a: b\r\n\r\n{}"
    for _ in range(1_000 if full else 60):
        sent = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            sent[chance.randrange(len(sent))] = chance.choice(b"\x00\r\n\xff :9/")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(bytes(sent))
        writer.write_eof()
        received = await reader.read()
        writer.close()
        if received:
            status, body = received.split(b" ")[1], received.partition(b"\r\n\r\n")[2]
            assert status[:1] == b"4", received
            assert set(json.loads(body)["error"]) == {"message", "type", "param", "code"}
            assert b"x-request-id: req_" in received


async def test_headers_without_end_are_refused(server: LiveServer) -> None:
    host, _, port = server.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /health HTTP/1.1\r\nhost: a\r\nx-a: ")
    refused = asyncio.create_task(reader.read())
    async with asyncio.timeout(30):
        with pytest.raises(ConnectionError):
            while True:
                writer.write(b"a" * 65536)
                await writer.drain()
                await asyncio.sleep(0.001)
    refused.cancel()
    async with server.http() as http:
        assert (await http.get("/health")).status_code == 200
