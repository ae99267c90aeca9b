"""Streamed requests, against a scripted server over real sockets."""

import asyncio
from contextlib import aclosing

import msgspec
import pytest

from router.errors import UpstreamBroken, UpstreamRefused, UpstreamTimeout
from router.upstream.base import StreamReply
from router.upstream.http_upstream import Timeouts
from router.upstream.openai_compatible import OpenAICompatibleUpstream
from router.upstream.scripted import Turn
from tests.recorded import RecordedServer
from tests.upstream.conftest import Connect, Serve

ASK = {"model": "auto", "messages": [{"role": "user", "content": "Hello?"}], "stream": True}


async def collect(stream: StreamReply) -> list[dict]:
    return [msgspec.json.decode(payload) async for payload in stream]


def text(chunks: list[dict]) -> str:
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"])


async def test_the_pieces_arrive_in_order_and_end_with_the_usage(serve: Serve, connect: Connect) -> None:
    server = await serve(turns=[Turn(reply="One two three ☃")])

    chunks = await collect(await connect(server).stream(ASK))

    assert text(chunks) == "One two three ☃"
    assert chunks[-1]["usage"] == {"prompt_tokens": 1, "completion_tokens": 4, "total_tokens": 5}


async def test_usage_is_always_asked_for_and_other_options_stay(serve: Serve, connect: Connect) -> None:
    server = await serve()
    options = {"include_usage": False, "include_obfuscation": False}

    await collect(await connect(server).stream(ASK | {"stream": None, "stream_options": options}))

    assert server.chats[0].body["stream"] is True
    assert server.chats[0].body["stream_options"] == {"include_usage": True, "include_obfuscation": False}


async def test_a_tool_call_comes_through(serve: Serve, connect: Connect) -> None:
    server = await serve(turns=[Turn(call_tool=True)])
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": {}}}]

    chunks = await collect(await connect(server).stream(ASK | {"tools": tools}))

    calls = [call for chunk in chunks[:-1] for call in chunk["choices"][0]["delta"].get("tool_calls", ())]
    assert calls[0]["function"] == {"name": "look_up", "arguments": '{"input":"Hello?"}'}


async def test_a_refusal_is_raised_before_anything_streams(serve: Serve, connect: Connect) -> None:
    server = await serve(turns=[Turn(status=429, headers={"retry-after": "3"})])
    with pytest.raises(UpstreamRefused) as caught:
        await connect(server).stream(ASK)
    assert caught.value.status == 429
    assert caught.value.retry_after == "3"


@pytest.mark.parametrize("fault", ["html", "no-stream", "cut", "redirect"])
async def test_an_answer_that_is_no_stream_counts_as_broken(serve: Serve, connect: Connect, fault: str) -> None:
    server = await serve(turns=[Turn(fault=fault)])
    with pytest.raises(UpstreamBroken):
        await connect(server).stream(ASK)


async def test_a_stream_with_a_finish_reason_needs_no_done(serve: Serve, connect: Connect) -> None:
    server = await serve(turns=[Turn(reply="All of it.", fault="no-done")])
    assert text(await collect(await connect(server).stream(ASK))) == "All of it."


@pytest.mark.parametrize("fault", ["no-finish", "cut-midway", "error-midway"])
async def test_a_stream_that_breaks_gives_what_it_had_and_then_raises(
    serve: Serve, connect: Connect, fault: str
) -> None:
    server = await serve(turns=[Turn(reply="One two three", fault=fault)])
    stream = await connect(server).stream(ASK)

    assert "assistant" in str(await anext(aiter(stream)))
    assert b"One " in await anext(aiter(stream))
    with pytest.raises(UpstreamBroken):
        await anext(aiter(stream))
    with pytest.raises(StopAsyncIteration):
        await anext(aiter(stream))


@pytest.mark.parametrize("fault", ["error-object", "not-json", "not-a-chat"])
async def test_a_first_event_that_is_no_chunk_counts_as_broken(serve: Serve, connect: Connect, fault: str) -> None:
    server = await serve(turns=[Turn(fault=fault, error_message="No capacity.")])
    stream = await connect(server).stream(ASK)
    with pytest.raises(UpstreamBroken):
        await anext(aiter(stream))


async def test_an_error_that_is_the_event_itself_is_one() -> None:
    event = '{"object": "error", "message": "No capacity.", "type": "InternalServerError", "code": 500}'
    async with RecordedServer(events=[event]) as server:
        upstream = OpenAICompatibleUpstream(name="strong", base_url=server.base_url, model="m")
        stream = await upstream.stream(ASK)
        with pytest.raises(UpstreamRefused, match="No capacity"):
            await anext(aiter(stream))
        await upstream.aclose()


async def test_an_event_past_the_limit_counts_as_broken(serve: Serve, connect: Connect) -> None:
    server = await serve(turns=[Turn(reply="x" * 300_000)])
    stream = await connect(server, max_event_bytes=100_000).stream(ASK)
    with pytest.raises(UpstreamBroken, match="more than 100000 bytes"):
        await collect(stream)


async def test_no_answer_at_all_is_a_timeout(serve: Serve, connect: Connect) -> None:
    server = await serve(turns=[Turn(fault="hang")])

    with pytest.raises(UpstreamTimeout):
        await connect(server, timeouts=Timeouts(first_token_s=0.2)).stream(ASK)

    await asyncio.wait_for(server.wait_until_a_client_left(), 5)


async def test_silence_midway_is_a_timeout_that_drops_the_connection(serve: Serve, connect: Connect) -> None:
    server = await serve(turns=[Turn(fault="hang-midway")])
    stream = await connect(server, timeouts=Timeouts(first_token_s=0.2)).stream(ASK)

    with pytest.raises(UpstreamTimeout, match="fell silent"):
        await collect(stream)

    await asyncio.wait_for(server.wait_until_a_client_left(), 5)


async def test_a_stream_that_never_pauses_still_ends_at_the_total_limit(serve: Serve, connect: Connect) -> None:
    server = await serve(turns=[Turn(reply="word " * 10_000, piece_delay_ms=20)])
    stream = await connect(server, timeouts=Timeouts(total_s=0.3)).stream(ASK)
    with pytest.raises(UpstreamTimeout):
        await collect(stream)


async def test_closing_midway_drops_the_connection_at_once(serve: Serve, connect: Connect) -> None:
    server = await serve(turns=[Turn(reply="word " * 10_000, piece_delay_ms=20)])
    stream = await connect(server).stream(ASK)
    await anext(aiter(stream))

    await stream.aclose()
    await stream.aclose()

    await asyncio.wait_for(server.wait_until_a_client_left(), 5)
    with pytest.raises(StopAsyncIteration):
        await anext(aiter(stream))


async def test_cancelling_the_reader_drops_the_connection(serve: Serve, connect: Connect) -> None:
    server = await serve(turns=[Turn(fault="hang-midway")])
    stream = await connect(server).stream(ASK)
    first_came = asyncio.Event()

    async def read() -> None:
        async for _ in stream:
            first_came.set()

    reader = asyncio.create_task(read())
    await first_came.wait()
    reader.cancel()

    await asyncio.wait_for(server.wait_until_a_client_left(), 5)
    with pytest.raises(asyncio.CancelledError):
        await reader


async def test_a_stream_read_to_its_end_leaves_the_connection_for_the_next(serve: Serve, connect: Connect) -> None:
    server = await serve()
    upstream = connect(server)
    for _ in range(3):
        async with aclosing(await upstream.stream(ASK)) as stream:
            await collect(stream)
    assert server.connections_made == 1
    assert server.clients_gone == 0


async def test_events_that_came_together_are_given_together() -> None:
    async with RecordedServer(events=[piece("One"), piece(" two"), piece("", "stop")]) as server:
        upstream = OpenAICompatibleUpstream(name="strong", base_url=server.base_url, model="m")
        stream = await upstream.stream(ASK)

        assert b"One" in await anext(stream)
        assert [b"two" in payload for payload in stream.at_hand()] == [True, False]

        assert stream.at_hand() == []
        assert await anext(stream, None) is None
        await upstream.aclose()


async def test_what_came_together_with_an_error_is_given_before_it() -> None:
    async with RecordedServer(events=[piece("One"), piece(" two"), '{"error": {"message": "No capacity."}}']) as server:
        upstream = OpenAICompatibleUpstream(name="strong", base_url=server.base_url, model="m")
        stream = await upstream.stream(ASK)

        assert b"One" in await anext(stream)
        assert len(stream.at_hand()) == 1

        assert stream.at_hand() == []
        with pytest.raises(UpstreamBroken, match="No capacity"):
            await anext(stream)
        await upstream.aclose()


def piece(content: str, finish_reason: str | None = None) -> str:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish_reason}
    return msgspec.json.encode({"choices": [choice]}).decode()
