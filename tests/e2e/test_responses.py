"""OpenAI's Responses API against models that only speak chat completions, through the official client."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
import pytest_asyncio
from pydantic import BaseModel

from router.upstream.scripted import ScriptedServer, Turn
from tests.live import EASY, HARD, LiveServer, live_server, routed

pytestmark = pytest.mark.asyncio(loop_scope="module")

REPLY = "Paris, on the Seine."
WEATHER: Any = {"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": False}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def weak() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(model="weak-model", turns=[Turn(reply=REPLY)]) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(
    tmp_path_factory: pytest.TempPathFactory, weak: ScriptedServer, strong: ScriptedServer
) -> AsyncIterator[LiveServer]:
    async with routed(tmp_path_factory.mktemp("home"), weak, strong) as running:
        yield running


async def test_a_whole_answer_is_the_clients_own_response(server: LiveServer) -> None:
    raw = await server.client().responses.with_raw_response.create(
        model="auto", input=EASY, instructions="Be brief.", metadata={"trip": "1"}, max_output_tokens=50
    )
    answer = raw.parse()
    assert answer.output_text == REPLY
    assert (answer.status, answer.store, answer.metadata) == ("completed", False, {"trip": "1"})  # type: ignore[attr-defined]
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens > 0
    assert raw.headers["x-router-route"] == "weak"
    row = await server.ledger_row(raw.headers["x-request-id"])
    assert (row["endpoint"], row["outcome"], row["finish_reason"]) == ("/v1/responses", "ok", "stop")


async def test_it_is_routed_by_what_the_user_asks(server: LiveServer, weak: ScriptedServer) -> None:
    client = server.client()
    items: Any = [{"role": "user", "content": [{"type": "input_text", "text": HARD}]}]
    hard = await client.responses.with_raw_response.create(model="auto", input=items)
    pinned = await client.responses.with_raw_response.create(model="weak", input=items)
    assert hard.headers["x-router-route"] == "strong"
    assert pinned.headers["x-router-reason"] == "pinned"
    assert weak.chats[-1].body["messages"] == [{"role": "user", "content": HARD}]


async def test_a_stream_tells_its_events_in_order_and_ends_with_the_whole_response(server: LiveServer) -> None:
    stream = await server.client().responses.create(model="auto", input=EASY, stream=True)
    events = [event async for event in stream]
    kinds = [event.type for event in events]
    deltas = kinds.count("response.output_text.delta")
    assert deltas > 1
    assert kinds == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * deltas,
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].response.output_text == REPLY  # type: ignore[union-attr]
    assert events[-1].response.usage.output_tokens > 0  # type: ignore[union-attr]


async def test_the_clients_stream_helper_gives_the_final_response(server: LiveServer) -> None:
    async with server.client().responses.stream(model="auto", input="Name a river.") as stream:
        snapshots = [event.snapshot async for event in stream if event.type == "response.output_text.delta"]
        final = await stream.get_final_response()
    assert snapshots[-1] == final.output_text == REPLY


async def test_parse_gives_a_typed_answer(tmp_path: Path) -> None:
    class City(BaseModel):
        name: str

    async with (
        ScriptedServer(model="weak-model", turns=[Turn(reply='{"name": "Paris"}')]) as weak,
        routed(tmp_path, weak, None) as server,
    ):
        client = server.client()
        answer = await client.responses.parse(model="auto", input=EASY, text_format=City)
        async with client.responses.stream(model="auto", input=HARD, text_format=City) as stream:
            streamed = await stream.get_final_response()
    assert answer.output_parsed == streamed.output_parsed == City(name="Paris")
    asked = weak.chats[0].body["response_format"]
    assert (asked["type"], asked["json_schema"]["name"], asked["json_schema"]["strict"]) == (
        "json_schema",
        "City",
        True,
    )


async def test_a_tool_is_called_and_its_output_taken_back(tmp_path: Path) -> None:
    async with (
        ScriptedServer(model="weak-model", turns=[Turn(call_tool=True), Turn(reply="Rain.")]) as weak,
        routed(tmp_path, weak, None) as server,
    ):
        client = server.client()
        first = await client.responses.create(model="auto", input="Weather in Paris?", tools=[WEATHER])
        call: Any = first.output[0]
        outputs = [{"type": "function_call_output", "call_id": call.call_id, "output": "rain"}]
        history: Any = [{"role": "user", "content": "Weather in Paris?"}, call.to_dict(), *outputs]
        second = await client.responses.create(model="auto", input=history, tools=[WEATHER])
    assert (call.type, call.name, json.loads(call.arguments)) == (
        "function_call",
        "weather",
        {"input": "Weather in Paris?"},
    )
    assert second.output_text == "Rain."
    told = weak.chats[1].body["messages"]
    assert [message["role"] for message in told] == ["user", "assistant", "tool"]
    assert told[1]["tool_calls"][0]["id"] == told[2]["tool_call_id"] == call.call_id


async def test_a_streamed_tool_call_has_its_arguments_in_events(tmp_path: Path) -> None:
    async with (
        ScriptedServer(model="weak-model", turns=[Turn(call_tool=True)]) as weak,
        routed(tmp_path, weak, None) as server,
    ):
        tools: Any = [WEATHER]
        async with server.client().responses.stream(model="auto", input=EASY, tools=tools) as stream:
            kinds = [event.type async for event in stream]
            final: Any = await stream.get_final_response()
    assert "response.function_call_arguments.delta" in kinds
    assert kinds.index("response.function_call_arguments.done") < kinds.index("response.output_item.done")
    assert json.loads(final.output[0].arguments) == {"input": EASY}


async def test_an_answer_that_was_cut_is_incomplete(tmp_path: Path) -> None:
    async with (
        ScriptedServer(model="weak-model", turns=[Turn(finish_reason="length")]) as weak,
        routed(tmp_path, weak, None) as server,
    ):
        client = server.client()
        whole = await client.responses.create(model="auto", input=EASY)
        events = [event async for event in await client.responses.create(model="auto", input=HARD, stream=True)]
    assert whole.status == "incomplete"
    assert whole.incomplete_details is not None
    assert whole.incomplete_details.reason == "max_output_tokens"
    assert events[-1].type == "response.incomplete"
    assert len(weak.chats) == 2


@pytest.mark.parametrize("fault", ["cut-midway", "error-midway"])
async def test_a_stream_that_breaks_fails_and_says_nothing_after_the_error(tmp_path: Path, fault: Any) -> None:
    async with (
        ScriptedServer(model="weak-model", turns=[Turn(fault=fault, reply="one two three four")]) as weak,
        routed(tmp_path, weak, None) as server,
        server.http() as http,
    ):
        answer = await http.post("/v1/responses", json={"input": EASY, "stream": True})
        row = await server.ledger_row(answer.headers["x-request-id"])
        with pytest.raises(openai.APIError):
            async for _ in await server.client().responses.create(model="auto", input=EASY, stream=True):
                pass
    events = [json.loads(event.split("data: ")[1]) for event in answer.text.split("\n\n") if event]
    assert [event["type"] for event in events[-2:]] == ["response.failed", "error"]
    assert events[-2]["response"]["status"] == "failed"
    assert not {"response.completed", "response.output_text.done"} & {event["type"] for event in events}
    assert "[DONE]" not in answer.text
    assert row["outcome"] == "error"


async def test_the_same_question_is_answered_from_the_cache_in_both_protocols(
    server: LiveServer, weak: ScriptedServer
) -> None:
    client, asked = server.client(), "What is the largest lake in Africa?"
    first = await client.chat.completions.create(model="auto", messages=[{"role": "user", "content": asked}])
    before = len(weak.chats)
    again = await client.responses.with_raw_response.create(model="auto", input=asked, metadata={"try": "2"})
    streamed = await client.responses.create(model="auto", input=asked, stream=True)
    final = [event async for event in streamed][-1]
    assert again.headers["x-router-cache"] == "exact"
    assert again.parse().metadata == {"try": "2"}
    assert again.parse().output_text == first.choices[0].message.content == REPLY
    assert final.response.output_text == REPLY  # type: ignore[union-attr]
    assert len(weak.chats) == before


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": 5}, "input"),
        ({"input": "x", "temperature": "hot"}, "temperature"),
        ({"input": "x", "background": True}, "background"),
        ({"input": "x", "previous_response_id": "resp_1"}, "previous_response_id"),
        ({"input": "x", "conversation": {"id": "conv_1"}}, "conversation"),
        ({"input": "x", "tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"input": "x", "messages": []}, "messages"),
    ],
)
async def test_what_cannot_be_answered_is_refused_by_the_name_of_the_field(
    server: LiveServer, asked: Any, param: str
) -> None:
    async with server.http() as http:
        answer = await http.post("/v1/responses", json=asked)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


async def test_the_tokens_of_an_input_are_estimated_and_nobody_is_asked(
    server: LiveServer, weak: ScriptedServer
) -> None:
    before = len(weak.requests)
    raw = await server.client().responses.input_tokens.with_raw_response.count(model="auto", input=HARD)
    assert raw.headers["x-router-estimated"] == "true"
    assert raw.parse().input_tokens > len(HARD.split())
    assert len(weak.requests) == before


async def test_nothing_is_stored_and_asking_for_it_says_so(server: LiveServer) -> None:
    client = server.client()
    listed = client.responses.input_items.list
    for ask in (client.responses.retrieve, client.responses.delete, client.responses.cancel, listed):
        with pytest.raises(openai.NotFoundError, match="none are stored here"):
            await ask("resp_1")


async def test_claude_gets_back_what_it_thought_with_its_signature(tmp_path: Path) -> None:
    turns = [Turn(call_tool=True, thinking="Rain or shine?"), Turn(reply="Rain.")]
    async with ScriptedServer(model="claude-sonnet-4-5", turns=turns) as claude:
        deployment = {"route": "weak", "protocol": "anthropic", "url": claude.base_url, "model": "claude-sonnet-4-5"}
        async with live_server(tmp_path, environ={"UNDERDOG_DEPLOYMENTS": json.dumps([deployment])}) as server:
            client = server.client()
            asked: Any = {"model": "weak", "tools": [WEATHER], "reasoning": {"effort": "low"}}
            history: Any = [{"role": "user", "content": "Weather in Paris?"}]
            stream = await client.responses.create(
                **asked, input=history, stream=True, include=["reasoning.encrypted_content"]
            )
            first: Any = [event async for event in stream][-1].response  # type: ignore[union-attr]
            history += [item.to_dict() for item in first.output]
            history += [{"type": "function_call_output", "call_id": first.output[1].call_id, "output": "rain"}]
            second = await client.responses.create(**asked, input=history)
            told = await client.completions.create(model="weak", prompt="Once")
    assert [item.type for item in first.output] == ["reasoning", "function_call"]
    assert second.output_text == told.choices[0].text == "Rain."
    sent = claude.chats[1].body["messages"][1]["content"]
    assert [block["type"] for block in sent] == ["thinking", "tool_use"]
    assert (sent[0]["thinking"], bool(sent[0]["signature"])) == ("Rain or shine?", True)
