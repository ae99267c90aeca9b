"""Each way in which an upstream can misbehave, alone: what our caller gets of it, streamed and not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from router.errors import UpstreamError
from router.upstream.openai_compatible import OpenAICompatibleUpstream, Timeouts
from router.upstream.pool import Pool, Resilience, Share, pool_of
from tests.chaos.faults import BEFORE_THE_FIRST_BYTE, MIDWAY, ODD
from tests.chaos.server import ChaosServer
from tests.chaos.wire import reply_to

ASK = {"messages": [{"role": "user", "content": "What is it?"}]}


@asynccontextmanager
async def pool_over(*scripts: list[str], retries: int = 0) -> AsyncIterator[tuple[Pool, list[ChaosServer]]]:
    servers = [ChaosServer(script=script, model="m") for script in scripts]
    for server in servers:
        await server.start()
    timeouts = Timeouts(first_token_s=0.5, total_s=1.0)
    shares = [
        Share((OpenAICompatibleUpstream(name=f"d{n}", base_url=server.base_url, model="m", timeouts=timeouts),))
        for n, server in enumerate(servers)
    ]
    pool = pool_of("weak", shares, Resilience(retries=retries))
    try:
        yield pool, servers
    finally:
        await pool.aclose()
        for server in servers:
            await server.aclose()


async def told(pool: Pool, *, streams: bool) -> str:
    """The text of an answer that came whole, with its usage."""
    if not streams:
        completion = msgspec.json.decode((await pool.complete(ASK)).body)
        assert completion["usage"]["completion_tokens"] > 0
        return str(completion["choices"][0]["message"]["content"])
    stream = await pool.stream(ASK)
    chunks = [msgspec.json.decode(payload) async for payload in stream]
    await stream.aclose()
    assert chunks[-1]["usage"]["completion_tokens"] > 0
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    assert [choice["finish_reason"] for choice in choices if choice["finish_reason"]] == ["stop"]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("fault", ODD)
async def test_what_is_only_odd_comes_through_whole(fault: str, streams: bool) -> None:
    async with pool_over([fault]) as (pool, servers):
        assert await told(pool, streams=streams) == reply_to(ASK)
    assert servers[0].did == {fault: 1}


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("fault", BEFORE_THE_FIRST_BYTE)
async def test_what_fails_before_its_first_byte_is_one_clear_error(fault: str, streams: bool) -> None:
    async with pool_over([fault] * 2) as (pool, _):
        with pytest.raises(UpstreamError) as caught:
            await told(pool, streams=streams)
        assert caught.value.status in {429, 502, 503, 504}
        assert "127.0.0.1" not in caught.value.message
        assert pool.members[0].in_flight == 0


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("fault", BEFORE_THE_FIRST_BYTE)
async def test_and_another_deployment_answers_where_there_is_one(fault: str, streams: bool) -> None:
    async with pool_over([fault] * 20, [""] * 20, retries=1) as (pool, servers):
        while not servers[0].did[fault]:
            assert await told(pool, streams=streams) == reply_to(ASK)


@pytest.mark.parametrize("fault", ["reset-midway", "close-midway", "hang-midway"])
async def test_a_whole_answer_that_breaks_midway_is_asked_for_elsewhere(fault: str) -> None:
    async with pool_over([fault] * 20, [""] * 20, retries=1) as (pool, servers):
        while not servers[0].did[fault]:
            assert await told(pool, streams=False) == reply_to(ASK)


@pytest.mark.parametrize("fault", MIDWAY)
async def test_a_stream_that_breaks_midway_gives_what_came_and_an_error_and_no_end_of_its_own(fault: str) -> None:
    async with pool_over([fault], [fault], retries=1) as (pool, servers):
        stream = await pool.stream(ASK)
        payloads: list[bytes] = []
        with pytest.raises(UpstreamError):
            async for payload in stream:
                payloads.append(payload)  # noqa: PERF401 - what came before the error counts
        await stream.aclose()
    chunks = [msgspec.json.decode(payload) for payload in payloads]
    assert len(chunks) > 1
    assert not [choice for chunk in chunks for choice in chunk["choices"] if choice["finish_reason"]]
    assert sum(sum(server.did.values()) for server in servers) == 1


async def test_a_redirect_to_another_host_is_never_followed() -> None:
    async with pool_over([""]) as (_, elsewhere), pool_over(["redirect"]) as (pool, _):
        with pytest.raises(UpstreamError, match="redirect"):
            await pool.complete(ASK)
    assert not elsewhere[0].did
