"""Whatever is sent and whatever breaks: a clear error, a ledger row, and the server goes on."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import pytest_asyncio

from router.upstream.scripted import ScriptedServer, Turn
from tests.live import EASY, HARD, LiveServer, live_server, routed

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/chat/completions"
MESSAGES: Any = [{"role": "user", "content": EASY}]
UNUSED = "http://127.0.0.1:9/v1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def weak() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(model="weak-model", turns=[Turn()]) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory, weak: ScriptedServer) -> AsyncIterator[LiveServer]:
    async with routed(tmp_path_factory.mktemp("home"), weak, None) as running:
        yield running


def assert_openai_shaped(answer: httpx.Response) -> dict[str, Any]:
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    assert "Traceback" not in answer.text
    return error


async def goes_on(server: LiveServer) -> bool:
    async with server.http() as http:
        answer = await http.post(PATH, json={"messages": MESSAGES})
    return answer.status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"messages": [',
        b"[]",
        b'{"messages": []}',
        b'{"messages": [{"role": "robot", "content": "hi"}]}',
        b'{"messages": [{"role": "user", "content": ""}]}',
        b'{"messages": 5}',
        b'{"messages": [{"role": "user", "content": "hi"}], "model": 5}',
        b"\x00\xff\xfe",
        b"[" * 100_000,
    ],
)
async def test_a_wrong_body_gets_a_400_and_a_ledger_row(server: LiveServer, body: bytes) -> None:
    async with server.http() as http:
        answer = await http.post(PATH, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert_openai_shaped(answer)
    row = await server.ledger_row(answer.headers["x-request-id"])
    assert (row["status"], row["outcome"]) == (400, "error")
    assert await goes_on(server)


async def test_a_ten_megabyte_body_is_too_large_and_the_limit_is_named(server: LiveServer) -> None:
    message = {"role": "user", "content": "a" * 10_000_000}
    async with server.http() as http:
        answer = await http.post(PATH, json={"messages": [message]})
    error = assert_openai_shaped(answer)
    assert answer.status_code == 413
    assert "8 MB" in error["message"]
    assert (await server.ledger_row(answer.headers["x-request-id"]))["status"] == 413
    assert await goes_on(server)


async def test_a_prompt_of_a_megabyte_is_routed(server: LiveServer, weak: ScriptedServer) -> None:
    message = {"role": "user", "content": "word " * 200_000}
    async with server.http() as http:
        answer = await http.post(PATH, json={"messages": [message]})
    assert answer.status_code == 200
    assert weak.chats[-1].body["messages"] == [message]


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", PATH, 405), ("POST", "/v1/nothing", 404), ("GET", "/", 404)]
)
async def test_unknown_paths_and_methods_are_answered_in_openais_shape(
    server: LiveServer, method: str, path: str, status: int
) -> None:
    async with server.http() as http:
        answer = await http.request(method, path)
    assert answer.status_code == status
    assert_openai_shaped(answer)
    assert ("POST" in answer.headers.get("allow", "")) is (status == 405)


async def test_every_answer_carries_a_request_id_of_its_own(tmp_path: Path, weak: ScriptedServer) -> None:
    key = {"authorization": "Bearer sesame"}
    paths = ["/health", "/v1/models", "/v1/models/none", "/stats", "/cache/stats", "/openapi/openapi.json", "/none"]
    async with routed(tmp_path, weak, None, UNDERDOG_API_KEY="sesame") as server, server.http() as http:
        answers = [await http.get(path, headers=key) for path in paths]
        answers += [await http.get(path) for path in ("/v1/models", PATH)]
        answers += [await http.post(path, headers=key, json={"messages": MESSAGES}) for path in (PATH, "/v1/route")]
        answers += [await http.post(PATH, json={"messages": MESSAGES}), await http.options(PATH)]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert {answer.status_code for answer in answers} == {200, 204, 401, 404, 405}
    assert len(set(ids)) == len(ids)


async def test_the_openapi_page_describes_the_api_and_no_secret(tmp_path: Path, weak: ScriptedServer) -> None:
    async with routed(tmp_path, weak, None, UNDERDOG_API_KEY="sesame") as server, server.http() as http:
        page = await http.get("/openapi/openapi.json")
    assert {PATH, "/v1/route", "/v1/models", "/health", "/stats", "/cache/stats"} <= set(page.json()["paths"])
    assert "sesame" not in page.text
    assert weak.base_url not in page.text


async def test_a_model_id_cannot_smuggle_a_header_in(tmp_path: Path, weak: ScriptedServer) -> None:
    upstream = ["--weak-url", weak.base_url, "--weak-model", "m\r\nx-evil: 1 \u4e2d"]
    async with live_server(tmp_path, *upstream) as server, server.http() as http:
        answer = await http.post(PATH, json={"messages": MESSAGES})
    assert answer.status_code == 200
    assert "x-evil" not in answer.headers
    assert answer.headers["x-router-model"] == "m x-evil: 1 ?"


async def test_a_compressed_body_is_refused_by_its_name(server: LiveServer) -> None:
    body = gzip.compress(json.dumps({"messages": MESSAGES}).encode())
    async with server.http() as http:
        answer = await http.post(PATH, content=body, headers={"content-encoding": "gzip"})
    assert answer.status_code == 400
    assert "gzip" in assert_openai_shaped(answer)["message"]


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/json; charset=utf-8"])
async def test_the_content_type_does_not_matter(server: LiveServer, content_type: str | None) -> None:
    headers = {"content-type": content_type} if content_type else {}
    async with server.http() as http:
        answer = await http.post(PATH, content=json.dumps({"messages": MESSAGES}), headers=headers)
    assert answer.status_code == 200


async def test_a_body_in_chunks_is_read_to_its_end(server: LiveServer) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for byte in json.dumps({"messages": MESSAGES}).encode():
            yield bytes([byte])

    async with server.http() as http:
        answer = await http.post(PATH, content=pieces())
    assert answer.status_code == 200


async def test_a_dead_upstream_gives_a_502_that_names_it(tmp_path: Path) -> None:
    async with live_server(tmp_path, "--weak-url", UNUSED, "--weak-model", "weak-model") as server:
        async with server.http() as http:
            answer = await http.post(PATH, json={"messages": MESSAGES})
            health = await http.get("/health")
        row = await server.ledger_row(answer.headers["x-request-id"])
    error = assert_openai_shaped(answer)
    assert answer.status_code == 502
    assert error["code"] == "upstream_unreachable"
    assert "weak" in error["message"]
    assert health.status_code == 200
    assert (row["outcome"], row["error_code"], row["route"]) == ("error", "upstream_unreachable", "weak")


async def test_a_dead_strong_model_is_stood_in_for_by_the_weak_one_unless_it_was_pinned(
    tmp_path: Path, weak: ScriptedServer
) -> None:
    strong = ["--strong-url", UNUSED, "--strong-model", "strong-model"]
    async with routed(tmp_path, weak, None, *strong) as server, server.http() as http:
        routed_answer = await http.post(PATH, json={"messages": [{"role": "user", "content": HARD}]})
        pinned_answer = await http.post(PATH, json={"model": "strong", "messages": MESSAGES})
    assert routed_answer.status_code == 200
    assert routed_answer.headers["x-router-route"] == "weak"
    assert routed_answer.headers["x-router-reason"] == "strong-failed"
    assert pinned_answer.status_code == 502


async def test_an_upstreams_own_refusal_is_passed_on(tmp_path: Path) -> None:
    refusal = Turn(status=429, error_message="Slow down.", headers={"retry-after": "7"})
    async with (
        ScriptedServer(model="weak-model", turns=[refusal]) as weak,
        routed(tmp_path, weak, None) as server,
        server.http() as http,
    ):
        answer = await http.post(PATH, json={"messages": MESSAGES})
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "7"
    assert answer.json()["error"]["message"] == "Slow down."


@pytest.mark.parametrize("fault", ["cut-midway", "error-midway"])
async def test_a_stream_that_breaks_ends_in_an_error_and_no_invented_stop(tmp_path: Path, fault: Any) -> None:
    async with (
        ScriptedServer(model="weak-model", turns=[Turn(fault=fault, reply="one two three four")]) as weak,
        routed(tmp_path, weak, None) as server,
        server.http() as http,
    ):
        answer = await http.post(PATH, json={"messages": MESSAGES, "stream": True})
        events = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
        row = await server.ledger_row(answer.headers["x-request-id"])
        stream = await server.client().chat.completions.create(model="auto", messages=MESSAGES, stream=True)
        with pytest.raises(openai.APIError):
            [chunk async for chunk in stream]
    assert "[DONE]" not in events
    assert "error" in json.loads(events[-1])
    assert row["outcome"] == "error"
    assert all('"finish_reason":"stop"' not in event.replace(" ", "") for event in events)


@pytest.mark.parametrize(("stream", "padding"), [(False, 0), (True, 0), (False, 1_000_000)])
async def test_a_client_that_leaves_frees_the_upstream_and_is_in_the_ledger(
    tmp_path: Path, stream: bool, padding: int
) -> None:
    body = {"messages": MESSAGES, "stream": stream, "user": "x" * padding}
    slow = Turn(reply="word " * 200, delay_ms=0 if stream else 30_000, piece_delay_ms=100)
    async with (
        ScriptedServer(model="weak-model", turns=[slow, Turn()]) as weak,
        routed(tmp_path, weak, None) as server,
    ):
        with pytest.raises(httpx.ReadTimeout):
            async with httpx.AsyncClient(base_url=server.url, timeout=1, trust_env=False) as http:
                if stream:
                    async with http.stream("POST", PATH, json=body) as answer:
                        async for _ in answer.aiter_bytes():
                            raise httpx.ReadTimeout("leaving midway")
                else:
                    await http.post(PATH, json=body)
        async with asyncio.timeout(10):
            await weak.wait_until_a_client_left()
        rows = []
        while not rows:
            rows = server.ledger_rows()
            await asyncio.sleep(0.05)
        assert await goes_on(server)
    assert (rows[0]["outcome"], rows[0]["status"]) == ("cancelled", 499)


async def test_two_hundred_requests_at_once_are_all_answered_and_written_down(
    server: LiveServer,
) -> None:
    async with server.http() as http:
        bodies = [{"messages": [{"role": "user", "content": f"What is {n} plus {n}?"}]} for n in range(200)]
        answers = await asyncio.gather(*(http.post(PATH, json=body) for body in bodies))
    assert {answer.status_code for answer in answers} == {200}
    ids = {answer.headers["x-request-id"] for answer in answers}
    assert ids <= {row["request_id"] for row in server.ledger_rows()}
    assert len(ids) == 200
