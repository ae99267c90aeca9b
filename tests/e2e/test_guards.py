"""Over HTTP: what a model cannot take never reaches it, and the answer says why it came from elsewhere."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from router.upstream.scripted import ScriptedServer, Turn
from tests.live import EASY, HARD, LiveServer, live_server

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEEDS = itertools.count()
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
WEAK, STRONG = "llama3:8b", "gpt-4-turbo"  # no tools, images, files, 8,192 tokens / no audio, files, JSON schema
LONG = "word " * 20_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def weak() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(model=WEAK, turns=[Turn(reply="from the weak one")]) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def strong() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(model=STRONG, turns=[Turn(reply="from the strong one")]) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(
    tmp_path_factory: pytest.TempPathFactory, weak: ScriptedServer, strong: ScriptedServer
) -> AsyncIterator[LiveServer]:
    upstreams = ["--weak-url", weak.base_url, "--weak-model", WEAK]
    upstreams += ["--strong-url", strong.base_url, "--strong-model", STRONG]
    async with live_server(tmp_path_factory.mktemp("home"), *upstreams) as running:
        yield running


async def ask(server: LiveServer, content: Any = EASY, *, path: str = "/v1/chat/completions", **body: Any) -> Any:
    async with server.http() as http:
        messages = [{"role": "user", "content": content}]
        return await http.post(path, json={"messages": messages, "seed": next(SEEDS), **body})


def said(answer: httpx.Response) -> tuple[int, str, str]:
    headers = answer.headers
    return answer.status_code, headers["x-router-route"], headers["x-router-reason"]


@pytest.mark.parametrize(
    ("content", "fields", "needs"),
    [
        (EASY, {"tools": [TOOL]}, "tools: weak model llama3:8b takes none"),
        ([{"type": "text", "text": EASY}, IMAGE], {}, "images: weak model llama3:8b takes none"),
    ],
)
async def test_what_the_weak_model_does_not_take_goes_to_the_strong_one(
    server: LiveServer, weak: ScriptedServer, content: Any, fields: dict[str, Any], needs: str
) -> None:
    before = len(weak.chats)
    answer = await ask(server, content, **fields)
    assert said(answer) == (200, "strong", "capability")
    assert answer.headers["x-router-needs"] == needs
    assert len(weak.chats) == before


async def test_what_the_strong_model_does_not_take_goes_to_the_weak_one(server: LiveServer) -> None:
    answer = await ask(server, HARD, response_format=SCHEMA)
    assert said(answer) == (200, "weak", "capability")
    assert answer.headers["x-router-needs"] == "json schema: strong model gpt-4-turbo takes none"


async def test_a_long_prompt_goes_where_it_fits(server: LiveServer) -> None:
    answer = await ask(server, LONG, model="auto:cheap")
    assert answer.headers["x-router-route"] == "strong"
    pinned = await ask(server, LONG, model="weak")
    assert (pinned.status_code, pinned.json()["error"]["code"]) == (400, "context_length_exceeded")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [TOOL], "response_format": SCHEMA}, "tools"),
        ({"tools": [TOOL], "model": "weak"}, "tools"),
        ({"tools": [TOOL], "model": WEAK}, "tools"),
        ({"response_format": SCHEMA, "model": "strong"}, "response_format"),
    ],
)
async def test_what_nobody_that_may_answer_takes_is_a_clear_error(
    server: LiveServer, weak: ScriptedServer, strong: ScriptedServer, fields: dict[str, Any], param: str
) -> None:
    before = len(weak.chats), len(strong.chats)
    answer = await ask(server, **fields)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "unsupported_by_model", param)
    assert (len(weak.chats), len(strong.chats)) == before
    row = await server.ledger_row(answer.headers["x-request-id"])
    assert (row["status"], row["error_code"]) == (400, "unsupported_by_model")


async def test_the_preview_says_what_is_lacking(server: LiveServer) -> None:
    preview = (await ask(server, path="/v1/route", tools=[TOOL])).json()
    assert (preview["route"], preview["reason"], preview["eligible"]) == ("strong", "capability", ["strong"])
    assert preview["evidence"]["needs"] == "tools: weak model llama3:8b takes none"


async def test_moved_requests_are_counted_and_keep_no_promise(server: LiveServer) -> None:
    answer = await ask(server, model="auto:cheap", tools=[TOOL])
    assert answer.headers["x-router-promise"] == "none"
    async with server.http() as http:
        counted = (await http.get("/metrics")).text
    assert 'route="strong",reason="capability"' in counted


async def test_a_failing_model_is_not_replaced_by_one_that_does_not_take_the_request(
    tmp_path_factory: pytest.TempPathFactory, weak: ScriptedServer
) -> None:
    async with ScriptedServer(model=STRONG, turns=[Turn(status=503)]) as failing:
        upstreams = ["--weak-url", weak.base_url, "--weak-model", WEAK]
        upstreams += ["--strong-url", failing.base_url, "--strong-model", STRONG]
        async with live_server(tmp_path_factory.mktemp("home"), *upstreams) as server:
            before = len(weak.chats)
            with_tools = await ask(server, HARD, tools=[TOOL])
            assert with_tools.status_code == 503
            assert len(weak.chats) == before
            assert said(await ask(server, HARD)) == (200, "weak", "strong-failed")


async def test_the_operators_words_correct_the_catalogue(
    tmp_path_factory: pytest.TempPathFactory, weak: ScriptedServer, strong: ScriptedServer
) -> None:
    upstreams = ["--weak-url", weak.base_url, "--weak-model", WEAK]
    upstreams += ["--strong-url", strong.base_url, "--strong-model", STRONG]
    environ = {"UNDERDOG_CATALOGUE": '[{"model": "llama3*", "tools": true, "context": 100}]'}
    async with live_server(tmp_path_factory.mktemp("home"), *upstreams, environ=environ) as server:
        assert said(await ask(server, tools=[TOOL])) == (200, "strong", "context")
        assert said(await ask(server, "hi", max_tokens=5)) == (200, "weak", "win-rate")


async def test_a_conversation_stays_on_the_model_that_answered_it_and_may_leave_when_asked_to(
    tmp_path_factory: pytest.TempPathFactory, server: LiveServer, weak: ScriptedServer, strong: ScriptedServer
) -> None:
    begun = [{"role": "user", "content": EASY}]
    goes_on = [*begun, {"role": "assistant", "content": "Paris."}, {"role": "user", "content": "Thank you so much!"}]
    async with server.http() as http:
        win_rate = (await http.post("/v1/route", json={"messages": goes_on})).json()["win_rate"]
    # Nobody is billed here, so that the win rate alone tells: it must be clearly below the threshold to leave.
    threshold = win_rate + 0.001
    arguments = ["--weak-url", weak.base_url, "--weak-model", WEAK, "--threshold", f"{threshold:.6f}"]
    arguments += ["--strong-url", strong.base_url, "--strong-model", STRONG]

    async def answered(
        server: LiveServer, turns: Any, query: str = "", model: str = "auto", headers: dict[str, str] | None = None
    ) -> str:
        body = {"messages": turns, "seed": next(SEEDS), "model": model}
        async with server.http() as http:
            answer = await http.post(f"/v1/chat/completions{query}", json=body, headers=headers or {})
        return f"{answer.headers['x-router-route']} {answer.headers['x-router-reason']}"

    async with live_server(tmp_path_factory.mktemp("home"), *arguments) as running:
        assert await answered(running, goes_on) == "weak win-rate"
        assert await answered(running, begun, model="strong") == "strong pinned"
        assert await answered(running, goes_on) == "strong sticky"
        assert await answered(running, goes_on, headers={"x-router-sticky": "off"}) == "weak win-rate"
        assert await answered(running, goes_on, query=f"?threshold={threshold}") == "weak win-rate"
        assert await answered(running, goes_on, model="weak") == "weak pinned"
    async with live_server(tmp_path_factory.mktemp("home"), *arguments, "--no-sticky") as running:
        assert await answered(running, begun, model="strong") == "strong pinned"
        assert await answered(running, goes_on) == "weak win-rate"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": EASY}], "tools": [TOOL]}),
        (
            "/v1/messages",
            {
                "messages": [{"role": "user", "content": EASY}],
                "max_tokens": 50,
                "tools": [{"name": "look", "input_schema": {"type": "object", "properties": {}}}],
            },
        ),
        (
            "/v1/responses",
            {"input": EASY, "tools": [{"type": "function", "name": "look", "parameters": {"type": "object"}}]},
        ),
    ],
)
async def test_every_protocol_is_guarded(
    server: LiveServer, weak: ScriptedServer, path: str, body: dict[str, Any], stream: bool
) -> None:
    before = len(weak.chats)
    async with server.http() as http:
        moved = await http.post(path, json={**body, "model": "auto", "stream": stream})
        refused = await http.post(path, json={**body, "model": "weak", "stream": stream})
    assert said(moved) == (200, "strong", "capability")
    assert refused.status_code == 400
    assert "of tools weak model llama3:8b takes none" in refused.json()["error"]["message"]
    assert len(weak.chats) == before
