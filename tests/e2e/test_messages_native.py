"""Where caller and model both speak Anthropic's protocol, nothing is lost between them, whatever it says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from router.upstream.scripted import ScriptedServer, Turn
from tests.live import EASY, HARD, LiveServer, live_server
from tests.recorded import RecordedServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/messages"
KEY = "upstream-key"
CITATION = {
    "type": "web_search_result_location",
    "url": "https://example.com",
    "title": "T",
    "encrypted_index": "e",
    "cited_text": "c",
}
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
CONTENT: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "Hm.", "signature": "s1"},
    {"type": "redacted_thinking", "data": "x"},
    SEARCH,
    FOUND,
    {"type": "text", "text": "So it is.", "citations": [CITATION]},
    {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}},
]
USAGE = {
    "input_tokens": 10,
    "cache_read_input_tokens": 60,
    "cache_creation_input_tokens": 30,
    "cache_creation": {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 0},
    "output_tokens": 20,
    "server_tool_use": {"web_search_requests": 1},
    "service_tier": "standard",
}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x-1",
    "content": CONTENT,
    "stop_reason": "pause_turn",
    "stop_sequence": None,
    "container": {"id": "c", "expires_at": "2026-01-01T00:00:00Z"},
    "usage": USAGE,
}


def events() -> list[dict[str, Any]]:
    """The stream of ``MESSAGE``, each block in one delta."""
    start = {**MESSAGE, "content": [], "stop_reason": None, "usage": {**USAGE, "output_tokens": 1}}
    told: list[dict[str, Any]] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    pieces: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
        (
            {"type": "thinking", "thinking": "", "signature": ""},
            [{"type": "thinking_delta", "thinking": "Hm."}, {"type": "signature_delta", "signature": "s1"}],
        ),
        (CONTENT[1], []),
        ({**SEARCH, "input": {}}, [{"type": "input_json_delta", "partial_json": '{"query": "q"}'}]),
        (FOUND, []),
        (
            {"type": "text", "text": ""},
            [{"type": "text_delta", "text": "So it is."}, {"type": "citations_delta", "citation": CITATION}],
        ),
        ({**CONTENT[5], "input": {}}, [{"type": "input_json_delta", "partial_json": '{"city": "Oslo"}'}]),
    ]
    for index, (block, deltas) in enumerate(pieces):
        told.append({"type": "content_block_start", "index": index, "content_block": block})
        told += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        told.append({"type": "content_block_stop", "index": index})
    told.append({"type": "message_delta", "delta": {"stop_reason": "pause_turn"}, "usage": {"output_tokens": 20}})
    return [*told, {"type": "message_stop"}]


STREAM = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events())

ASK: dict[str, Any] = {
    "model": "strong",
    "max_tokens": 3000,
    "temperature": 1,
    "top_k": 7,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "thinking": {"type": "enabled", "budget_tokens": 1500},
    "metadata": {"user_id": "u"},
    "tools": [
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
        {"name": "weather", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}},
    ],
    "messages": [
        {"role": "user", "content": EASY},
        {"role": "assistant", "content": CONTENT},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "9", "is_error": False},
                {"type": "text", "text": "Go on.", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            ],
        },
    ],
    "unheard_of": {"a": 1},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def upstream() -> AsyncIterator[RecordedServer]:
    async with RecordedServer(answer=json.dumps(MESSAGE, indent=1), stream=STREAM) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory, upstream: RecordedServer) -> AsyncIterator[LiveServer]:
    deployment = {
        "route": "strong",
        "protocol": "anthropic",
        "url": upstream.base_url,
        "model": "claude-opus-4-5",
        "api_key": KEY,
    }
    environ = {"UNDERDOG_DEPLOYMENTS": json.dumps([deployment]), "UNDERDOG_API_KEY": "sesame"}
    async with live_server(tmp_path_factory.mktemp("home"), environ=environ) as running:
        yield running


async def ask(server: LiveServer, body: dict[str, Any], **headers: str) -> httpx.Response:
    async with server.http() as http:
        return await http.post(PATH, json=body, headers={"x-api-key": "sesame", **headers})


async def test_the_request_reaches_the_model_as_it_came(server: LiveServer, upstream: RecordedServer) -> None:
    await ask(server, ASK, **{"anthropic-beta": "b-1,b-2", "anthropic-version": "2023-06-01"})
    sent = upstream.asked[-1]
    # This model allows no choice of the temperature while it thinks, which the upstream's own tests are about.
    left_out = {"temperature", "top_k", "stream", "model"}
    assert {name: sent.body[name] for name in sent.body if name not in left_out} == {
        name: ASK[name] for name in ASK if name not in left_out
    }
    assert sent.headers["anthropic-beta"] == "b-1,b-2"
    assert sent.headers["x-api-key"] == KEY
    assert "sesame" not in str(sent.headers)


async def test_the_whole_answer_reaches_the_caller_as_it_was(server: LiveServer, upstream: RecordedServer) -> None:
    answer = await ask(server, ASK)
    assert answer.text == upstream.answer
    assert answer.headers["x-router-route"] == "strong"


async def test_every_event_reaches_the_caller_as_it_was(server: LiveServer) -> None:
    answer = await ask(server, {**ASK, "stream": True})
    told = [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line.startswith("data: ")]
    assert told == events()
    named = [line.removeprefix("event: ") for line in answer.text.splitlines() if line.startswith("event: ")]
    assert named == [event["type"] for event in told]


async def test_both_are_in_the_ledger_with_all_their_tokens(server: LiveServer) -> None:
    rows = [
        await server.ledger_row((await ask(server, {**ASK, "stream": stream})).headers["request-id"])
        for stream in (False, True)
    ]
    assert [(row["endpoint"], row["outcome"], row["cache"]) for row in rows] == [(PATH, "ok", "bypass")] * 2
    assert [(row["prompt_tokens"], row["completion_tokens"]) for row in rows] == [(100, 20)] * 2


async def test_a_kept_answer_is_told_as_it_was_said_first(server: LiveServer, upstream: RecordedServer) -> None:
    plain = {**MESSAGE, "content": [{"type": "text", "text": "Paris."}], "stop_reason": "end_turn"}
    recorded, upstream.answer = upstream.answer, json.dumps(plain)
    body = {"model": "strong", "max_tokens": 9, "messages": [{"role": "user", "content": EASY}]}
    try:
        first, again = [await ask(server, body) for _ in range(2)]
        streamed = await ask(server, {**body, "stream": True})
    finally:
        upstream.answer = recorded
    assert (first.headers["x-router-cache"], again.headers["x-router-cache"]) == ("miss", "exact")
    assert first.json() == again.json() == plain
    assert streamed.headers["x-router-cache"] == "exact"
    assert '"text":"Paris."' in streamed.text


async def test_a_chat_request_to_the_same_model_gets_nothing_but_its_own_protocol(server: LiveServer) -> None:
    body = {"model": "strong", "messages": [{"role": "user", "content": EASY}], "seed": 1}
    async with server.http() as http:
        for stream in (False, True):
            answer = await http.post(
                "/v1/chat/completions", json={**body, "stream": stream}, headers={"authorization": "Bearer sesame"}
            )
            assert answer.status_code == 200
            assert "underdog.native" not in answer.text


def before_claude(home: Path, weak: ScriptedServer, strong: RecordedServer) -> AbstractAsyncContextManager[LiveServer]:
    """A server with a weak model that chats, and Claude behind it."""
    claude = {"route": "strong", "protocol": "anthropic", "url": strong.base_url, "model": "claude-opus-4-5"}
    environ = {"UNDERDOG_DEPLOYMENTS": json.dumps([claude | {"api_key": KEY}])}
    return live_server(home, "--weak-url", weak.base_url, "--weak-model", "weak-model", environ=environ)


async def test_what_cannot_be_said_in_the_protocol_goes_to_the_model_that_chats(
    tmp_path: Path, upstream: RecordedServer
) -> None:
    async with (
        ScriptedServer(model="weak-model") as weak,
        before_claude(tmp_path, weak, upstream) as server,
        server.http() as http,
    ):
        several = {"n": 2, "messages": [{"role": "user", "content": HARD}]}
        moved = await http.post("/v1/chat/completions", json=several)
        assert (moved.status_code, moved.headers["x-router-route"]) == (200, "weak")
        assert moved.headers["x-router-reason"] == "capability"
        echoed = await http.post("/v1/completions", json={"prompt": [HARD, HARD], "echo": True})
        assert (echoed.status_code, echoed.headers["x-router-route"]) == (200, "weak")
        refused = await http.post("/v1/chat/completions", json=several | {"model": "strong"})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "n")
        assert len(weak.requests) == 2


async def test_what_the_protocol_alone_has_goes_to_the_model_that_speaks_it(
    tmp_path: Path, upstream: RecordedServer
) -> None:
    async with (
        ScriptedServer(model="weak-model", turns=[Turn(reply="Without a search.")]) as weak,
        before_claude(tmp_path, weak, upstream) as server,
        server.http() as http,
    ):
        plain = {"max_tokens": 100, "messages": [{"role": "user", "content": EASY}]}
        searches = plain | {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}
        moved = await http.post("/v1/messages", json=searches | {"model": "auto:cheap"})
        assert (moved.status_code, moved.headers["x-router-route"]) == (200, "strong")
        assert moved.headers["x-router-reason"] == "capability"
        assert moved.headers["x-router-needs"] == "web search: weak model weak-model takes none"
        refused = await http.post("/v1/messages", json=searches | {"model": "weak"})
        assert refused.status_code == 400
        assert "web search" in refused.json()["error"]["message"]
        assert not weak.chats
        cited = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Hi."}}
        cites = plain | {"messages": [{"role": "user", "content": [cited | {"citations": {"enabled": True}}]}]}
        assert (await http.post("/v1/messages", json=cites | {"model": "weak"})).status_code == 200
