"""The official ``anthropic`` client, pointed here, notices nothing but the headers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anthropic
import pytest
import pytest_asyncio
from anthropic.types import TextBlock, ThinkingBlock, ToolUseBlock

from router.upstream.scripted import ScriptedServer, Turn
from tests.clients.conftest import KEY, REPLY
from tests.clients.recordings import CITIES, REASONING, SCHEMA, TEXT
from tests.live import EASY, LiveServer, routed
from tests.recorded import RecordedServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASK: Any = {"role": "user", "content": EASY}
TOOLS: Any = [{"name": "weather", "description": "Says it.", "input_schema": SCHEMA}]
THINKING: Any = {"type": "enabled", "budget_tokens": 2000}


def client_of(url: str, key: str = KEY, **options: Any) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=url, api_key=key, max_retries=0, **options)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(server: LiveServer) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with client_of(server.url) as made:
        yield made


async def test_a_message(client: anthropic.AsyncAnthropic) -> None:
    message = await client.messages.create(model="auto", max_tokens=100, messages=[ASK])
    assert message.content == [TextBlock(type="text", text=REPLY)]
    assert message.stop_reason == "end_turn"
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 0
    assert message._request_id is not None
    assert message._request_id.startswith("req_")


async def test_a_streamed_message(client: anthropic.AsyncAnthropic) -> None:
    async with client.messages.stream(model="auto", max_tokens=101, messages=[ASK]) as stream:
        assert "".join([text async for text in stream.text_stream]) == REPLY
        message = await stream.get_final_message()
    assert message.usage.output_tokens > 0
    raw = await client.messages.create(model="auto", max_tokens=102, messages=[ASK], stream=True)
    kinds = [event.type async for event in raw]
    assert (kinds[0], kinds[-2:]) == ("message_start", ["message_delta", "message_stop"])


async def test_a_message_with_thinking_and_parallel_tools_whole_and_streamed(
    client: anthropic.AsyncAnthropic, strong: RecordedServer
) -> None:
    asked: Any = {"model": "strong", "max_tokens": 4000, "messages": [ASK], "tools": TOOLS, "thinking": THINKING}
    whole = await client.messages.create(**asked)
    async with client.messages.stream(**asked) as stream:
        snapshots = [event async for event in stream]
        streamed = await stream.get_final_message()
    assert whole.stop_reason == "tool_use"
    thought, said, *calls = whole.content
    assert isinstance(thought, ThinkingBlock)
    assert isinstance(said, TextBlock)
    assert (thought.thinking, said.text) == (REASONING, TEXT)
    assert [call.input for call in calls if isinstance(call, ToolUseBlock)] == [{"city": city} for city in CITIES]
    assert [block.to_dict() for block in streamed.content] == [block.to_dict() for block in whole.content]
    assert streamed.usage == whole.usage
    assert (whole.usage.input_tokens, whole.usage.cache_read_input_tokens) == (40, 60)
    assert {"thinking", "text", "input_json"} <= {event.type for event in snapshots}
    sent = strong.asked[-1].body
    assert sent["tools"][0]["function"] == {"name": "weather", "description": "Says it.", "parameters": SCHEMA}
    assert KEY not in str(strong.asked[-1].headers)


async def test_a_conversation_with_tools_goes_back_and_forth(tmp_path: Path) -> None:
    turns = [Turn(call_tool=True), Turn(reply="18 degrees.")]
    async with (
        ScriptedServer(model="weak-model", turns=turns) as weak,
        routed(tmp_path, weak, None) as server,
        client_of(server.url) as client,
    ):
        asked: Any = {"model": "auto", "max_tokens": 100, "tools": TOOLS}
        first = await client.messages.create(messages=[ASK], **asked)
        call = first.content[0]
        assert isinstance(call, ToolUseBlock)
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "18"}
        history: Any = [ASK, {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
        last = await client.messages.create(messages=history, **asked)
        sent = weak.chats[-1].body["messages"]
    assert last.content == [TextBlock(type="text", text="18 degrees.")]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool"]
    assert sent[1]["tool_calls"][0]["id"] == sent[2]["tool_call_id"] == call.id


async def test_tokens_are_counted_and_models_listed(client: anthropic.AsyncAnthropic) -> None:
    counted = await client.messages.count_tokens(model="auto", messages=[ASK], tools=TOOLS, system="Be brief.")
    assert counted.input_tokens > 0
    names = [model.id async for model in client.models.list()]
    assert {"auto", "weak-model", "recorded-model"} <= set(names)
    assert (await client.models.retrieve("weak-model")).display_name == "weak-model"


async def test_the_beta_client_adds_its_mark_and_is_answered(client: anthropic.AsyncAnthropic) -> None:
    message = await client.beta.messages.create(
        model="auto", max_tokens=100, messages=[ASK], betas=["context-1m-2025-08-07"]
    )
    assert message.content[0].type == "text"
    counted = await client.beta.messages.count_tokens(model="auto", messages=[ASK])
    assert counted.input_tokens > 0


async def test_errors_arrive_as_the_clients_own_exceptions(server: LiveServer) -> None:
    async with client_of(server.url) as client, client_of(server.url, "wrong") as stranger:
        asked: Any = {"max_tokens": 10, "messages": [ASK]}
        with pytest.raises(anthropic.NotFoundError) as missing:
            await client.messages.create(model="gpt-17", **asked)
        with pytest.raises(anthropic.BadRequestError, match="messages"):
            await client.messages.create(model="auto", max_tokens=10, messages=[])
        with pytest.raises(anthropic.AuthenticationError):
            await stranger.messages.create(model="auto", **asked)
        with pytest.raises(anthropic.AuthenticationError):
            await stranger.messages.count_tokens(model="auto", messages=[ASK])
    assert missing.value.request_id is not None


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (429, anthropic.RateLimitError),
        (400, anthropic.BadRequestError),
        (500, anthropic.InternalServerError),
        (529, anthropic.APIStatusError),
    ],
)
async def test_refusals_of_the_model_arrive_so_too(tmp_path: Path, status: int, error: type[Exception]) -> None:
    async with (
        ScriptedServer(model="weak-model", turns=[Turn(status=status)]) as weak,
        routed(tmp_path, weak, None) as server,
        client_of(server.url) as client,
    ):
        with pytest.raises(error):
            await client.messages.create(model="auto", max_tokens=10, messages=[ASK])
        with pytest.raises(error):
            await client.messages.create(model="auto", max_tokens=10, messages=[ASK], stream=True)


async def test_a_stream_that_breaks_off_raises_within_it(tmp_path: Path) -> None:
    broken = Turn(reply="one two three four", fault="cut-midway")
    async with (
        ScriptedServer(model="weak-model", turns=[broken]) as weak,
        routed(tmp_path, weak, None) as server,
        client_of(server.url) as client,
    ):
        with pytest.raises(anthropic.APIStatusError):
            async with client.messages.stream(model="auto", max_tokens=10, messages=[ASK]) as stream:
                await stream.until_done()


async def test_the_plain_client_is_served_as_the_asynchronous_one(server: LiveServer) -> None:
    def ask() -> Any:
        with anthropic.Anthropic(base_url=server.url, auth_token=KEY, max_retries=0) as client:
            return client.messages.create(model="auto", max_tokens=100, messages=[ASK])

    message = await asyncio.to_thread(ask)
    assert message.content[0].text == REPLY
