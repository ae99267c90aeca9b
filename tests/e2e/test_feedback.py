"""Callers rate answers by the id that these carried, and the export has the ratings."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from click.testing import CliRunner

from router.cli import main
from router.upstream.scripted import ScriptedServer, Turn
from tests.live import EASY, LiveServer, routed

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = {"authorization": "Bearer sesame"}
BODY = {"messages": [{"role": "user", "content": EASY}]}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LiveServer]:
    home: Path = tmp_path_factory.mktemp("home")
    async with (
        ScriptedServer(model="weak-model", turns=[Turn(reply="Paris.")]) as weak,
        routed(home, weak, None, UNDERDOG_API_KEY="sesame") as running,
    ):
        yield running


async def rate(server: LiveServer, content: Any, headers: dict[str, str] = KEY) -> Any:
    async with server.http() as http:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return await http.post("/v1/feedback", content=body, headers=headers)


async def test_a_rating_reaches_the_export_and_may_be_changed(server: LiveServer) -> None:
    async with server.http() as http:
        answer = await http.post("/v1/chat/completions", json=BODY, headers=KEY)
    name = answer.headers["x-request-id"]
    for rating in ("good", "bad", "bad"):
        rated = await rate(server, {"request_id": name, "rating": rating})
        assert (rated.status_code, rated.json()) == (200, {"request_id": name, "rating": rating})
    said = CliRunner().invoke(main, ["ledger", "export", "--home", str(server.home)]).stdout
    records = {record["request_id"]: record for record in map(json.loads, said.splitlines())}
    assert records[name]["feedback"] == "bad"
    assert EASY not in said
    assert "sesame" not in said


async def test_an_unknown_request_gets_a_404_in_openais_form(server: LiveServer) -> None:
    answer = await rate(server, {"request_id": "req_nobody", "rating": "good"})
    error = answer.json()["error"]
    assert answer.status_code == 404
    assert (error["code"], error["param"], error["type"]) == (
        "request_not_found",
        "request_id",
        "invalid_request_error",
    )


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"request_id": "r", "rating": "fine"}, "rating"),
        ({"request_id": "r"}, "rating"),
        ({"rating": "good"}, "request_id"),
        ({"request_id": 3, "rating": "good"}, "request_id"),
        (b"{", None),
        (b"\xff", None),
        (b"", None),
    ],
)
async def test_what_is_no_rating_is_refused_by_its_field(server: LiveServer, body: Any, param: str | None) -> None:
    answer = await rate(server, body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


async def test_an_id_that_no_database_could_hold_is_simply_unknown(server: LiveServer) -> None:
    for odd in (b'{"request_id": "\\ud800", "rating": "good"}', b'{"request_id": "a\\u0000b", "rating": "good"}'):
        assert (await rate(server, odd)).status_code in (400, 404)


async def test_a_rating_needs_the_key_and_a_small_body(server: LiveServer) -> None:
    assert (await rate(server, {"request_id": "r", "rating": "good"}, headers={})).status_code == 401
    refused = await rate(server, b" " * 20_000)
    assert refused.status_code == 413
    assert "larger than 0.01 MB. Send less." in refused.json()["error"]["message"]


async def half_sent(server: LiveServer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which a rating began and does not go on."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /v1/feedback HTTP/1.1\r\nhost: a\r\ncontent-length: 50\r\n\r\n{")
    await writer.drain()
    return reader, writer


async def test_a_rating_that_stops_coming_is_given_up(tmp_path: Path) -> None:
    async with (
        ScriptedServer(model="weak-model", turns=[Turn()]) as weak,
        routed(tmp_path, weak, None, "--body-timeout-s", "0.2") as server,
    ):
        reader, writer = await half_sent(server)
        async with asyncio.timeout(20):
            assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_a_caller_who_leaves_in_the_middle_of_a_rating_is_no_fault_of_the_server(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with ScriptedServer(model="weak-model", turns=[Turn()]) as weak, routed(tmp_path, weak, None) as server:
        _, writer = await half_sent(server)
        await rate(server, {"request_id": "r", "rating": "good"})  # by now the half rating is being read
        writer.close()
        await writer.wait_closed()
        await rate(server, {"request_id": "r", "rating": "good"})
    assert "unexpected error" not in capfd.readouterr().err
