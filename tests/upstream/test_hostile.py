"""Upstreams that mean harm, or are broken in ways that look like it: every answer ends in one of our errors."""

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from router.configured.secret import Secret
from router.errors import SettingsError, UpstreamBroken, UpstreamError, UpstreamRefused
from router.upstream.openai_compatible import UNNAMED_MODEL, OpenAICompatibleUpstream
from router.upstream.refusals import MAX_DETAIL_CHARS
from router.upstream.scripted import Turn
from tests.upstream.conftest import Connect, Serve

ASK = {"model": "auto", "messages": [{"role": "user", "content": "Hello?"}]}
NESTED = b"[" * 50_000 + b"]" * 50_000
GOOD = b'{"choices": []}'

Say = Callable[..., Awaitable[OpenAICompatibleUpstream]]


@pytest_asyncio.fixture
async def say() -> AsyncIterator[Say]:
    """Connects to a server that gives one answer, byte for byte, whatever it is asked."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(
            body: bytes, *headers: str, status: int = 200, kind: str = "application/json", **options: int
        ) -> OpenAICompatibleUpstream:
            lines = [f"HTTP/1.1 {status} Odd", f"content-type: {kind}", f"content-length: {len(body)}", *headers]

            async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await reader.readuntil(b"\r\n\r\n")
                writer.write("\r\n".join([*lines, "", ""]).encode() + body)
                writer.close()

            server = await stack.enter_async_context(await asyncio.start_server(answer, "127.0.0.1", 0))
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
            upstream = OpenAICompatibleUpstream(name="strong", base_url=url, model="m", **options)
            stack.push_async_callback(upstream.aclose)
            return upstream

        yield start


@pytest.mark.parametrize(
    "body", [NESTED, b'{"choices": [], "error": ' + NESTED + b"}", b'{"choices": [{"x": ' + NESTED]
)
async def test_json_nested_without_end_is_no_answer(say: Say, body: bytes) -> None:
    with pytest.raises(UpstreamBroken):
        await (await say(body)).complete(ASK)


async def test_an_event_nested_without_end_breaks_the_stream(say: Say) -> None:
    upstream = await say(b'data: {"choices": ' + NESTED + b"}\n\n", kind="text/event-stream")
    stream = await upstream.stream(ASK)
    with pytest.raises(UpstreamBroken):
        await anext(stream)


async def test_an_error_nested_without_end_is_still_a_refusal(say: Say) -> None:
    with pytest.raises(UpstreamRefused, match="status 500"):
        await (await say(b'{"error": ' + NESTED + b"}", status=500)).complete(ASK)


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "deflate,gzip", "x-unknown"])
async def test_codings_that_may_grow_without_bound_are_refused(say: Say, coding: str) -> None:
    with pytest.raises(UpstreamBroken, match="compressed"):
        await (await say(GOOD, f"content-encoding: {coding}")).complete(ASK)


async def test_an_answer_in_gzip_is_read(say: Say) -> None:
    reply = await (await say(gzip.compress(GOOD), "content-encoding: gzip")).complete(ASK)
    assert reply.body == GOOD


async def test_a_gzip_bomb_is_cut_off_at_the_limit(say: Say) -> None:
    bomb = gzip.compress(b'{"choices": []' + b" " * 20_000_000 + b"}")
    with pytest.raises(UpstreamBroken, match="more than 1000000 bytes"):
        await (await say(bomb, "content-encoding: gzip", max_answer_bytes=1_000_000)).complete(ASK)


async def test_what_only_claims_to_be_gzip_is_broken(say: Say) -> None:
    with pytest.raises(UpstreamBroken):
        await (await say(GOOD, "content-encoding: gzip")).complete(ASK)


@pytest.mark.parametrize("header", ["x: " + "y" * 200_000, "no colon at all", "bad\x00name: x"])
async def test_headers_beyond_reason_are_broken(say: Say, header: str) -> None:
    with pytest.raises(UpstreamError):
        await (await say(GOOD, header)).complete(ASK)


async def test_a_status_that_does_not_exist_is_not_passed_on(say: Say) -> None:
    with pytest.raises(UpstreamBroken) as caught:
        await (await say(GOOD, status=999)).complete(ASK)
    assert caught.value.status == 502


@pytest.mark.parametrize("streams", [False, True])
async def test_a_key_quoted_in_an_answer_is_blotted_out_and_the_answer_cut(
    serve: Serve, connect: Connect, streams: bool
) -> None:
    server = await serve(turns=[Turn(fault="error-object", error_message="No quota for sk-secret. " + "x" * 5000)])
    upstream = connect(server, api_key=Secret("sk-secret"))
    with pytest.raises(UpstreamBroken) as caught:
        if streams:
            await anext(await upstream.stream(ASK))
        else:
            await upstream.complete(ASK)
    assert "No quota for ***." in caught.value.message
    assert len(caught.value.message) < MAX_DETAIL_CHARS + 100


@pytest.mark.parametrize("model", ["m\r\nset-cookie: a=b", "m\nx", "modèle", "", "m" * 300, "two words"])
async def test_a_listed_model_id_that_no_header_can_carry_is_not_taken(
    serve: Serve, connect: Connect, model: str
) -> None:
    upstream = connect(await serve(model=model), model=None)
    await upstream.complete(ASK)
    assert upstream.model == UNNAMED_MODEL


async def test_a_key_loses_the_line_end_that_came_with_it(serve: Serve, connect: Connect) -> None:
    server = await serve(api_key="sk-right")
    await connect(server, api_key=Secret("sk-right\n")).complete(ASK)
    assert len(server.chats) == 1


@pytest.mark.parametrize("key", ["sk-a\r\nx-evil: 1", "sk-ключ", "sk-\x00"])
def test_a_key_that_no_header_can_carry_is_refused_at_the_start(key: str) -> None:
    with pytest.raises(SettingsError, match="UNDERDOG_STRONG_API_KEY") as caught:
        OpenAICompatibleUpstream(
            name="strong", base_url="http://127.0.0.1:9/v1", api_key=Secret(key), key_setting="UNDERDOG_STRONG_API_KEY"
        )
    assert "sk-" not in str(caught.value)
