"""The scripted server's side of Anthropic's protocol, held to the official client."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from router.upstream.scripted import ScriptedServer, Turn
from router.upstream.scripted.messages import SIGNATURE
from tests.upstream.conftest import Serve

anthropic = pytest.importorskip("anthropic", reason="the official client of Anthropic is not installed")

HELLO = [{"role": "user", "content": "Hello, you there?"}]
TOOL = {"name": "look", "input_schema": {"type": "object", "properties": {"input": {"type": "string"}}}}


@pytest_asyncio.fixture
async def client(serve: Serve) -> AsyncIterator[tuple[ScriptedServer, "anthropic.AsyncAnthropic"]]:
    server = await serve(model="claude-x", api_key="sk")
    base_url = server.base_url.removesuffix("/v1")
    async with anthropic.AsyncAnthropic(base_url=base_url, api_key="sk", max_retries=0) as made:
        yield server, made


async def test_the_official_client_reads_a_whole_message(client) -> None:
    server, claude = client
    server.turns = [Turn(reply="Yes, I am.", thinking="Hm.", cached_tokens=1, cache_written_tokens=1)]
    message = await claude.messages.create(model="m", max_tokens=9, messages=HELLO)
    assert [block.type for block in message.content] == ["thinking", "text"]
    assert message.content[1].text == "Yes, I am."
    assert message.stop_reason == "end_turn"
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens) == (1, 1)


async def test_the_official_client_reads_a_stream(client) -> None:
    server, claude = client
    server.turns = [Turn(reply="Yes, I am.", thinking="Hm, well.")]
    async with claude.messages.stream(model="m", max_tokens=9, messages=HELLO) as stream:
        text = "".join([piece async for piece in stream.text_stream])
        message = await stream.get_final_message()
    assert text == "Yes, I am."
    assert message.content[0].thinking == "Hm, well."
    assert message.content[0].signature == SIGNATURE
    assert message.usage.output_tokens == 3


async def test_the_official_client_reads_a_streamed_tool_call(client) -> None:
    server, claude = client
    server.turns = [Turn(call_tool=True)]
    async with claude.messages.stream(model="m", max_tokens=9, messages=HELLO, tools=[TOOL]) as stream:
        message = await stream.get_final_message()
    assert message.stop_reason == "tool_use"
    assert message.content[0].input == {"input": "Hello, you there?"}


@pytest.mark.parametrize(
    ("status", "error"),
    [(429, "RateLimitError"), (400, "BadRequestError"), (529, "OverloadedError"), (500, "InternalServerError")],
)
async def test_the_official_client_knows_the_errors(client, status: int, error: str) -> None:
    server, claude = client
    server.turns = [Turn(status=status)]
    with pytest.raises(getattr(anthropic, error, anthropic.APIStatusError)) as caught:
        await claude.messages.create(model="m", max_tokens=9, messages=HELLO)
    assert caught.value.status_code == status


async def test_the_official_client_raises_on_an_error_event(client) -> None:
    server, claude = client
    server.turns = [Turn(fault="error-midway")]
    with pytest.raises(anthropic.APIStatusError):
        async with claude.messages.stream(model="m", max_tokens=9, messages=HELLO) as stream:
            await stream.get_final_message()
