"""A pool over real sockets: who is asked, how often, and what is told when nobody answers."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from router.configured.secret import Secret
from router.errors import (
    UpstreamBroken,
    UpstreamError,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
    UpstreamUnreachable,
)
from router.upstream.base import StreamReply
from router.upstream.openai_compatible import OpenAICompatibleUpstream, Timeouts
from router.upstream.pool import Pool, Resilience, Share, pool_of
from router.upstream.scripted import ScriptedServer, Turn
from tests.upstream.conftest import Serve

ASK = {"model": "auto", "messages": [{"role": "user", "content": "Hello?"}]}
DEAD = "http://127.0.0.1:9/v1"

MakePool = Callable[..., Awaitable[Pool]]


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[MakePool]:
    """Makes pools over servers, or over addresses where nobody listens; they are closed after the test."""
    made: list[Pool] = []

    async def make(
        *servers: ScriptedServer | str,
        timeouts: Timeouts | None = None,
        max_concurrent: int | None = None,
        keys: list[str] | None = None,
        **resilience: Any,
    ) -> Pool:
        shares = []
        for number, server in enumerate(servers):
            url = server if isinstance(server, str) else server.base_url
            upstreams = tuple(
                OpenAICompatibleUpstream(
                    name=f"d{number}",
                    base_url=url,
                    model=f"m{number}",
                    api_key=Secret(key) if key else None,
                    timeouts=timeouts,
                    key_setting="THE_KEY_SETTING",
                )
                for key in keys or [""]
            )
            shares.append(Share(upstreams, max_concurrent=max_concurrent))
        made.append(pool_of("strong", shares, Resilience(**resilience), chance=random.Random(5)))
        return made[-1]

    yield make
    for each in made:
        await each.aclose()


async def ask(pool: Pool, *, streams: bool) -> tuple[str, int]:
    """Who answered, at which attempt; the answer is read to its end."""
    if not streams:
        reply = await pool.complete(ASK)
        return reply.served.deployment, reply.served.attempts
    stream = await pool.stream(ASK)
    assert [payload async for payload in stream]
    await stream.aclose()
    return stream.served.deployment, stream.served.attempts


def idle(pool: Pool) -> bool:
    return all(member.in_flight == member.slots.held == 0 for member in pool.members)


BEFORE_THE_FIRST_BYTE = [
    Turn(fault="cut"), Turn(fault="not-json"), Turn(fault="not-a-chat"), Turn(fault="html"), Turn(fault="error-object"),
    Turn(status=500), Turn(status=503), Turn(status=529), Turn(status=429), Turn(status=401), Turn(status=402),
    Turn(fault="redirect"),
]  # fmt: skip


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("turn", BEFORE_THE_FIRST_BYTE, ids=lambda turn: turn.fault or turn.status)
async def test_what_fails_before_its_first_byte_is_asked_elsewhere(
    serve: Serve, pool: MakePool, turn: Turn, streams: bool
) -> None:
    bad, good = await serve(turns=[turn]), await serve()
    both = await pool(bad, good)
    answered = [await ask(both, streams=streams) for _ in range(12)]
    assert {deployment for deployment, _ in answered} == {"d1"}
    assert {attempts for _, attempts in answered} == {1, 2}
    assert both.retries["made"] == sum(attempts - 1 for _, attempts in answered)
    assert idle(both)


async def test_a_whole_answer_that_breaks_off_is_asked_elsewhere_too(serve: Serve, pool: MakePool) -> None:
    both = await pool(await serve(turns=[Turn(fault="cut-midway", reply="x" * 5000)]), await serve())
    assert {(await ask(both, streams=False))[0] for _ in range(8)} == {"d1"}


@pytest.mark.parametrize("streams", [False, True])
async def test_a_single_upstream_is_asked_again_after_a_while(serve: Serve, pool: MakePool, streams: bool) -> None:
    server = await serve(turns=[Turn(status=500), Turn(fault="not-a-chat"), Turn()])
    assert await ask(await pool(server), streams=streams) == ("d0", 3)


@pytest.mark.parametrize("status", [400, 404, 413, 422])
async def test_what_the_request_itself_is_at_fault_for_is_not_asked_again(
    serve: Serve, pool: MakePool, status: int
) -> None:
    servers = [await serve(turns=[Turn(status=status)]) for _ in range(2)]
    both = await pool(*servers)
    with pytest.raises(UpstreamRefused) as caught:
        await both.complete(ASK)
    assert (caught.value.status, caught.value.attempts) == (status, 1)
    assert sum(len(server.chats) for server in servers) == 1
    assert {condition.breaker for condition in both.conditions} == {"closed"}


async def test_nothing_is_asked_again_once_the_first_byte_is_there(serve: Serve, pool: MakePool) -> None:
    server = await serve(turns=[Turn(fault="cut-midway", reply="one two three four"), Turn()])
    one = await pool(server)
    stream = await one.stream(ASK)
    with pytest.raises(UpstreamBroken):
        async for _ in stream:
            pass
    assert len(server.chats) == 1
    assert one.members[0].failures == {"broken": 1}
    assert idle(one)


async def test_the_first_failure_is_told_with_the_number_of_attempts(serve: Serve, pool: MakePool) -> None:
    both = await pool(await serve(turns=[Turn(status=500, error_message="first"), Turn(status=503)]), retries=2)
    with pytest.raises(UpstreamRefused, match="first") as caught:
        await both.complete(ASK)
    assert (caught.value.status, caught.value.upstream_status, caught.value.attempts) == (502, 500, 3)


async def test_a_429_keeps_a_deployment_out_for_as_long_as_it_says(serve: Serve, pool: MakePool) -> None:
    busy = await serve(turns=[Turn(status=429, headers={"retry-after": "30"})])
    both = await pool(busy, await serve())
    for _ in range(20):
        await ask(both, streams=False)
    assert len(busy.chats) == 1
    assert 25 < both.conditions[0].resting_s <= 30


async def test_where_all_are_told_to_wait_the_caller_gets_a_429_with_the_shortest_wait(
    serve: Serve, pool: MakePool
) -> None:
    servers = [
        await serve(turns=[Turn(status=429, headers={"retry-after": str(seconds)}, error_message="Slow down.")])
        for seconds in (60, 20)
    ]
    both = await pool(*servers)
    for attempts in (2, 0):
        with pytest.raises(UpstreamRefused) as caught:
            await both.complete(ASK)
        assert (caught.value.status, caught.value.retry_after, caught.value.attempts) == (429, "20", attempts)
    assert [len(server.chats) for server in servers] == [1, 1]


async def test_a_short_wait_that_is_asked_for_is_waited(serve: Serve, pool: MakePool) -> None:
    server = await serve(turns=[Turn(status=429, headers={"retry-after": "1"}), Turn()])
    assert await ask(await pool(server), streams=True) == ("d0", 2)


async def test_failures_in_a_row_open_the_circuit_and_then_nobody_is_asked(serve: Serve, pool: MakePool) -> None:
    server = await serve(turns=[Turn(status=500)])
    one = await pool(server, retries=0, breaker_failures=3)
    for _ in range(3):
        with pytest.raises(UpstreamRefused):
            await one.complete(ASK)
    with pytest.raises(UpstreamUnavailable) as caught:
        await one.complete(ASK)
    assert (caught.value.status, caught.value.attempts) == (503, 0)
    assert 1 <= int(caught.value.headers["retry-after"]) <= 6
    assert len(server.chats) == 3
    assert one.conditions[0].breaker == "open"
    assert not await one.reachable()


async def test_a_circuit_closes_again_when_a_probe_is_answered(serve: Serve, pool: MakePool) -> None:
    server = await serve(turns=[Turn(status=500)] * 2 + [Turn()])
    one = await pool(server, retries=0, breaker_failures=2, breaker_open_s=0.05)
    for _ in range(2):
        with pytest.raises(UpstreamRefused):
            await one.complete(ASK)
    await asyncio.sleep(0.06)
    assert one.conditions[0].breaker == "half-open"
    stream = await one.stream(ASK)
    # Its first piece is proof enough, however long the rest takes.
    assert one.conditions[0].breaker == "closed"
    await stream.aclose()


async def test_an_outage_is_not_made_worse_by_retries(serve: Serve, pool: MakePool) -> None:
    servers = [await serve(turns=[Turn(status=500)]) for _ in range(2)]
    both = await pool(*servers, retry_budget=0.0, breaker_failures=1000, breaker_failure_rate=1.0)
    for _ in range(10):
        with pytest.raises(UpstreamRefused):
            await both.complete(ASK)
    assert sum(len(server.chats) for server in servers) == 10
    assert both.retries == {"denied": 10}


async def test_a_rejected_key_takes_its_member_out_and_the_log_names_the_setting_alone(
    serve: Serve, pool: MakePool, caplog: pytest.LogCaptureFixture
) -> None:
    server = await serve(api_key="sk-right")
    one = await pool(server, keys=["sk-wrong", "sk-right"])
    with caplog.at_level(logging.WARNING, logger="underdog.upstream"):
        for _ in range(12):
            await ask(one, streams=False)
    assert len([chat for chat in server.chats if "wrong" in chat.headers["authorization"]]) == 1
    assert [condition.deployment for condition in one.conditions] == ["d0#1", "d0#2"]
    assert caplog.text.count("THE_KEY_SETTING") == 1
    assert "sk-" not in caplog.text


async def test_a_key_that_all_members_had_rejected_is_told_without_asking_again(serve: Serve, pool: MakePool) -> None:
    server = await serve(api_key="sk-right")
    one = await pool(server, keys=["sk-wrong"])
    for _ in range(3):
        with pytest.raises(UpstreamError, match="THE_KEY_SETTING"):
            await one.complete(ASK)
    assert len(server.chats) == 1


async def test_a_deployment_that_is_full_is_passed_by(serve: Serve, pool: MakePool) -> None:
    slow = Turn(piece_delay_ms=200)
    servers = [await serve(turns=[slow]) for _ in range(2)]
    both = await pool(*servers, max_concurrent=1)
    streams = [await both.stream(ASK), await both.stream(ASK)]
    assert [len(server.chats) for server in servers] == [1, 1]
    with pytest.raises(UpstreamUnavailable, match="max_concurrent") as caught:
        await both.stream(ASK)
    assert caught.value.headers["retry-after"] == "1"
    for stream in streams:
        await stream.aclose()
    await (await both.stream(ASK)).aclose()
    assert idle(both)


async def test_keys_of_one_deployment_share_its_limit(serve: Serve, pool: MakePool) -> None:
    one = await pool(await serve(turns=[Turn(piece_delay_ms=200)]), keys=["sk-a", "sk-b"], max_concurrent=1)
    stream = await one.stream(ASK)
    with pytest.raises(UpstreamUnavailable):
        await one.stream(ASK)
    await stream.aclose()


async def test_a_silent_deployment_is_given_up_for_another_and_not_waited_for_twice(
    serve: Serve, pool: MakePool
) -> None:
    patience = Timeouts(first_token_s=0.2)
    silent = await serve(turns=[Turn(fault="hang")])
    both = await pool(silent, await serve(), timeouts=patience)
    assert {(await ask(both, streams=True))[0] for _ in range(6)} == {"d1"}
    with pytest.raises(UpstreamTimeout) as caught:
        await (await pool(silent, timeouts=patience)).stream(ASK)
    assert caught.value.attempts == 1


async def test_a_dead_address_and_a_living_one_answer_together(serve: Serve, pool: MakePool) -> None:
    both = await pool(DEAD, await serve())
    assert {(await ask(both, streams=False))[0] for _ in range(6)} == {"d1"}
    assert both.state == "ready"
    dead = await pool(DEAD, retries=0)
    assert not await dead.reachable()
    with pytest.raises(UpstreamUnreachable):
        await dead.complete(ASK)


# Leaving, and being hedged.


async def left(pool: Pool, *, after_s: float) -> None:
    task = asyncio.create_task(pool.stream(ASK))
    await asyncio.sleep(after_s)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_however_many_ask_whether_it_can_be_reached_it_is_looked_up_once(pool: MakePool) -> None:
    looked_up = 0

    async def look(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal looked_up
        looked_up += 1
        writer.close()

    async with await asyncio.start_server(look, "127.0.0.1", 0) as server:
        members = await pool(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
        assert set(await asyncio.gather(*(members.reachable() for _ in range(20)))) == {True}
        await asyncio.sleep(0.05)
    assert looked_up == 1


@pytest.mark.parametrize("address", [DEAD, "http://no-such-host.invalid/v1", f"http://{'a' * 80}.invalid/v1"])
async def test_where_nobody_is_nobody_can_be_reached(pool: MakePool, address: str) -> None:
    assert not await (await pool(address)).reachable()


async def test_a_caller_who_leaves_cancels_the_call_at_once(serve: Serve, pool: MakePool) -> None:
    server = await serve(turns=[Turn(fault="hang")])
    one = await pool(server)
    await left(one, after_s=0.1)
    async with asyncio.timeout(1):
        await server.wait_until_a_client_left()
    assert idle(one)


async def test_a_caller_who_leaves_midway_frees_the_slot_and_speaks_for_the_deployment(
    serve: Serve, pool: MakePool
) -> None:
    server = await serve(turns=[Turn(reply="word " * 200, piece_delay_ms=20)])
    one = await pool(server)
    one.members[0].health.observe(ok=False)
    stream = await one.stream(ASK)
    await anext(aiter(stream))
    await stream.aclose()
    await stream.aclose()
    async with asyncio.timeout(1):
        await server.wait_until_a_client_left()
    assert idle(one)
    assert not one.members[0].failures
    assert one.members[0].health.value > 0.9


async def test_a_caller_who_leaves_between_two_attempts_is_not_asked_for_again(serve: Serve, pool: MakePool) -> None:
    server = await serve(turns=[Turn(status=429, headers={"retry-after": "2"}), Turn()])
    one = await pool(server)
    await left(one, after_s=0.2)
    assert len(server.chats) == 1
    assert idle(one)


async def test_a_caller_who_leaves_cancels_both_requests_of_a_hedge(serve: Serve, pool: MakePool) -> None:
    servers = [await serve(turns=[Turn(fault="hang")]) for _ in range(2)]
    both = await pool(*servers, hedge_after_s=0.05)
    await left(both, after_s=0.3)
    async with asyncio.timeout(1):
        for server in servers:
            await server.wait_until_a_client_left()
    assert idle(both)


async def read(stream: StreamReply) -> int:
    count = len([payload async for payload in stream])
    await stream.aclose()
    return count


async def test_a_slow_first_piece_is_hedged_and_the_loser_is_cancelled_and_counted(
    serve: Serve, pool: MakePool
) -> None:
    slow, fast = await serve(turns=[Turn(fault="hang")]), await serve()
    both = await pool(slow, fast, hedge_after_s=0.1)
    for _ in range(8):
        stream = await both.stream(ASK)
        assert stream.served.deployment == "d1"
        assert await read(stream) > 1
    asked_slow = len(slow.chats)
    assert asked_slow > 0
    assert both.hedges == {"won": asked_slow}
    async with asyncio.timeout(1):
        while slow.clients_gone < asked_slow:
            await asyncio.sleep(0.01)
    assert idle(both)
    # That it was slow is known, though it never answered: it is asked less and less.
    assert both.members[0].latency["stream"].value is None or both.members[0].latency["stream"].value > 0.05


async def test_a_hedge_may_lose_and_its_stream_is_let_go(serve: Serve, pool: MakePool) -> None:
    servers = [await serve(turns=[Turn(delay_ms=150)]) for _ in range(2)]
    both = await pool(*servers, hedge_after_s=0.05)
    assert await read(await both.stream(ASK)) > 1
    assert both.hedges == {"lost": 1}
    async with asyncio.timeout(2):
        while not idle(both):
            await asyncio.sleep(0.01)
    assert [len(server.chats) for server in servers] == [1, 1]


async def test_nothing_is_hedged_unless_asked_for_or_where_the_first_one_fails_in_time(
    serve: Serve, pool: MakePool
) -> None:
    servers = [await serve(turns=[Turn(delay_ms=100)]) for _ in range(2)]
    await ask(await pool(*servers), streams=True)
    assert sum(len(server.chats) for server in servers) == 1
    failing = await pool(await serve(turns=[Turn(status=500)]), await serve(turns=[Turn(status=500)]),
                         hedge_after_s=5.0, retries=0)  # fmt: skip
    with pytest.raises(UpstreamRefused):
        await failing.stream(ASK)
    assert not failing.hedges
    assert idle(failing)


async def test_where_both_requests_of_a_hedge_fail_the_first_failure_is_told(serve: Serve, pool: MakePool) -> None:
    servers = [await serve(turns=[Turn(status=500, delay_ms=150, error_message=f"of {n}")]) for n in range(2)]
    both = await pool(*servers, hedge_after_s=0.05, retries=0)
    with pytest.raises(UpstreamRefused) as caught:
        await both.stream(ASK)
    assert caught.value.attempts == 2
    assert idle(both)
