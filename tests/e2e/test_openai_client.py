"""The official client, pointed at Underdog, notices nothing but the headers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
import pytest_asyncio

from router.upstream.scripted import ScriptedServer, Turn
from tests.live import EASY, LiveServer, routed

pytestmark = pytest.mark.asyncio(loop_scope="module")

MESSAGES: Any = [{"role": "user", "content": EASY}]
REPLY = "Paris, on the Seine."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def weak() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(model="weak-model", turns=[Turn(reply=REPLY)]) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory, weak: ScriptedServer) -> AsyncIterator[LiveServer]:
    async with routed(tmp_path_factory.mktemp("home"), weak, None) as running:
        yield running


async def test_a_whole_answer(server: LiveServer) -> None:
    answer = await server.client().chat.completions.create(model="auto", messages=MESSAGES)
    assert answer.choices[0].message.content == REPLY
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0


async def test_a_streamed_answer(server: LiveServer) -> None:
    stream = await server.client().chat.completions.create(model="auto", messages=MESSAGES, stream=True)
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == REPLY
    assert chunks[-1].choices[0].finish_reason == "stop"


async def test_the_usage_chunk_comes_only_to_those_who_ask(server: LiveServer) -> None:
    client = server.client()
    without = await client.chat.completions.create(model="auto", messages=MESSAGES, stream=True)
    assert all(chunk.usage is None for chunk in [chunk async for chunk in without])
    for temperature in (0.1, 0.1):  # live the first time, from the cache the second
        with_usage = await client.chat.completions.create(
            model="auto",
            messages=MESSAGES,
            stream=True,
            temperature=temperature,
            stream_options={"include_usage": True},
        )
        last = [chunk async for chunk in with_usage][-1]
        assert last.choices == []
        assert last.usage is not None
        assert last.usage.completion_tokens > 0


async def test_a_streamed_answer_is_replayed_whole_and_the_other_way_round(
    server: LiveServer, weak: ScriptedServer
) -> None:
    client = server.client()
    asked: Any = {"model": "auto", "messages": MESSAGES, "seed": 1}
    chats_before = len(weak.chats)
    stream = await client.chat.completions.create(**asked, stream=True)
    live = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    whole = await client.chat.completions.with_raw_response.create(**asked)
    again = await client.chat.completions.create(**asked, stream=True)
    replayed = "".join([chunk.choices[0].delta.content or "" async for chunk in again])
    assert whole.headers["x-router-cache"] == "exact"
    assert whole.parse().choices[0].message.content == live == replayed == REPLY
    assert len(weak.chats) == chats_before + 1


async def test_tool_calls_come_through_streamed_and_whole(tmp_path: Path) -> None:
    tools: Any = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]
    async with (
        ScriptedServer(model="weak-model", turns=[Turn(call_tool=True)]) as weak,
        routed(tmp_path, weak, None) as server,
    ):
        client = server.client()
        whole = await client.chat.completions.create(model="auto", messages=MESSAGES, tools=tools)
        stream = await client.chat.completions.create(model="auto", messages=MESSAGES, tools=tools, stream=True)
        calls = [call async for chunk in stream for call in chunk.choices[0].delta.tool_calls or []]
    assert whole.choices[0].message.tool_calls[0].function.name == "look_up"  # type: ignore[index, union-attr]
    assert calls[0].function.name == "look_up"  # type: ignore[union-attr]
    assert len(weak.chats) == 2  # an answer that calls tools is never cached


async def test_errors_arrive_as_the_clients_own_exceptions(server: LiveServer) -> None:
    client = server.client()
    with pytest.raises(openai.NotFoundError) as missing:
        await client.chat.completions.create(model="gpt-17", messages=MESSAGES)
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as wrong:
        await client.chat.completions.create(model="auto", messages=[])
    assert wrong.value.param == "messages"
    with pytest.raises(openai.NotFoundError) as unknown:
        await client.images.generate(prompt="a dog")
    assert unknown.value.code == "unknown_url"


async def test_tuning_goes_into_the_base_url_or_the_call(server: LiveServer) -> None:
    client = server.client(default_query={"threshold": "1"})
    answer = await client.chat.completions.with_raw_response.create(model="auto", messages=MESSAGES)
    assert float(answer.headers["x-router-threshold"]) == 1.0
