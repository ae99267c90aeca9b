"""Stays of conversations, and how deployments fare, from one server to the others."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from router.errors import KEY_REJECTED, UpstreamError, UpstreamRefused, UpstreamUnreachable
from router.shared.address import Address
from router.shared.sharing import Sharing
from router.shared.streams import NEWS
from router.sticky import InMemory, Stay
from router.sticky.shared_memory import STAY, SharedMemory
from router.upstream.openai_compatible import OpenAICompatibleUpstream
from router.upstream.pool import Member, Pool, Resilience, Share, pool_of
from router.upstream.pool.breaker import KNOWS_BETTER_S
from router.upstream.pool.hints import HINT, Hints
from router.upstream.pool.member import Attempt
from tests.cache.support import Clock
from tests.shared.support import until

KEY = b"k" * 16


@asynccontextmanager
async def sharing(url: str) -> AsyncIterator[Sharing]:
    """The way to others, to be started by the test once it knows what to listen to."""
    made = Sharing(Address(url), prefix="underdog", most_messages=100, most_bytes=10**6, kept_s=3600)
    try:
        yield made
    finally:
        await made.aclose()


@asynccontextmanager
async def two_memories(url: str, clocks: tuple[Clock, Clock], wall: Clock) -> AsyncIterator[list[SharedMemory]]:
    async with sharing(url) as one, sharing(url) as two:
        memories = []
        for each, clock in zip((one, two), clocks, strict=True):
            memories.append(SharedMemory(InMemory(clock), each, clock, wall))
            await each.start()
        await until(lambda: one.link.up and two.link.up)
        yield memories


async def test_who_answered_a_conversation_is_known_on_every_server_by_its_own_clock(redis_url: str) -> None:
    early, late, wall = Clock(), Clock(), Clock()
    late.now, wall.now = 77_000.0, 1.8e9
    async with two_memories(redis_url, (early, late), wall) as (one, two):
        early.now += 10
        wall.now += 10
        late.now += 10
        one.put(KEY, Stay("strong", "big-model", 1234, early.now - 4, cached=True))
        await until(lambda: two.get(KEY) is not None)
        there = two.get(KEY)
        assert there is not None
        assert (there.route, there.model, there.tokens, there.cached) == ("strong", "big-model", 1234, True)
        assert abs(there.at - (late.now - 4)) < 0.01


async def test_an_older_stay_takes_no_newer_ones_place(redis_url: str) -> None:
    clock, wall = Clock(), Clock()
    async with two_memories(redis_url, (clock, clock), wall) as (one, two):
        two.put(KEY, Stay("weak", "newer", 1, clock.now))
        one.put(KEY, Stay("strong", "older", 1, clock.now - 5))
        one.put(b"x" * 16, Stay("strong", "last", 1, clock.now))
        await until(lambda: two.get(b"x" * 16) is not None)
        kept = two.get(KEY)
        assert kept is not None
        assert kept.model == "newer"


async def test_a_server_that_joins_knows_the_conversations_of_the_last_hour(redis_url: str) -> None:
    clock = Clock()
    async with two_memories(redis_url, (clock, clock), Clock()) as (one, two):
        one.put(KEY, Stay("strong", "m", 1, clock.now))
        await until(lambda: two.get(KEY) is not None)
        async with two_memories(redis_url, (clock, clock), Clock()) as (third, _):
            await until(lambda: third.get(KEY) is not None)


async def test_damaged_stays_and_hints_are_passed_by(redis_url: str) -> None:
    clock = Clock()
    async with two_memories(redis_url, (clock, clock), Clock()) as (one, two):
        way = one._sharing
        Hints([], way)
        for kind in (STAY, HINT):
            for payload in (b"", b"\xff", b"\x93\x01\x02\x03"):
                way.publish(NEWS, kind, payload, subject=KEY)
        way.publish(NEWS, STAY, b"", subject=b"short")
        one.put(KEY, Stay("strong", "m", 1, clock.now))
        await until(lambda: two.get(KEY) is not None)


# --- deployments ------------------------------------------------------------------------------------------------------


def a_pool(clock: Clock, *, keys: int = 1, url: str = "http://127.0.0.1:9/v1", name: str = "strong") -> Pool:
    upstreams = tuple(OpenAICompatibleUpstream(name=name, base_url=url, model="m") for _ in range(keys))
    pool = pool_of(name, [Share(upstreams)], Resilience(breaker_failures=2), chance=random.Random(1))
    pool._clock = clock
    return pool


@asynccontextmanager
async def hinted(url: str, clock: Clock, *pools: Pool) -> AsyncIterator[None]:
    """Each pool on a server of its own."""
    if not pools:
        yield
        return
    async with sharing(url) as way:
        Hints([pools[0]], way, clock, clock)
        await way.start()
        await until(lambda: way.link.up)
        async with hinted(url, clock, *pools[1:]):
            yield


def fail(member: Member, now: float, times: int = 2) -> None:
    for _ in range(times):
        Attempt(member, "whole", now).failed(UpstreamUnreachable("gone", upstream="strong"), now)


async def test_what_one_server_found_failing_no_other_asks_until_it_answers_again(redis_url: str) -> None:
    clock = Clock()
    one, two, other = a_pool(clock), a_pool(clock, name="another"), a_pool(clock, url="http://127.0.0.1:10/v1")
    async with hinted(redis_url, clock, one, two, other):
        clock.now += KNOWS_BETTER_S + 1
        (mine,), (theirs,), (elsewhere,) = one.members, two.members, other.members
        fail(mine, clock.now)
        assert mine.breaker.state(clock.now) == "open"
        await until(lambda: theirs.breaker.state(clock.now) == "open")
        assert abs(theirs.wait_s(clock.now) - mine.wait_s(clock.now)) < 0.01
        assert elsewhere.breaker.state(clock.now) == "closed"
        # Each may probe for itself; who finds it well tells the others.
        clock.now += mine.wait_s(clock.now) + 0.01
        assert [member.breaker.state(clock.now) for member in (mine, theirs)] == ["half-open"] * 2
        fail(theirs, clock.now, times=1)
        assert theirs.breaker.state(clock.now) == "open"
        probe = Attempt(mine, "whole", clock.now)
        probe.heard(clock.now)
        probe.succeeded(clock.now)
        await until(lambda: theirs.breaker.state(clock.now) == "half-open")
        assert mine.breaker.state(clock.now) == "closed"


async def test_pools_that_take_the_place_of_others_are_watched_instead(redis_url: str) -> None:
    clock = Clock()
    old, new, theirs = a_pool(clock), a_pool(clock), a_pool(clock)
    async with sharing(redis_url) as way, hinted(redis_url, clock, theirs):
        hints = Hints([old], way, clock, clock)
        await way.start()
        await until(lambda: way.link.up)
        hints.watch([new])
        clock.now += KNOWS_BETTER_S + 1
        (before,), (mine,), (other,) = old.members, new.members, theirs.members
        fail(other, clock.now)
        await until(lambda: mine.breaker.state(clock.now) == "open")
        assert before.breaker.state(clock.now) == "closed"


async def test_who_was_answered_just_now_knows_better(redis_url: str) -> None:
    clock = Clock()
    one, two, third = a_pool(clock), a_pool(clock), a_pool(clock)
    async with hinted(redis_url, clock, one, two, third):
        clock.now += 100
        (mine,), (theirs,), (idle,) = one.members, two.members, third.members
        Attempt(theirs, "whole", clock.now).succeeded(clock.now)
        fail(mine, clock.now)
        await until(lambda: idle.breaker.state(clock.now) == "open")
        fail(mine, clock.now)
        assert theirs.breaker.state(clock.now) == "closed"


async def test_a_wait_that_one_key_was_told_holds_for_that_key_on_every_server(redis_url: str) -> None:
    clock = Clock()
    one, two = a_pool(clock, keys=2), a_pool(clock, keys=2)
    async with hinted(redis_url, clock, one, two):
        refused = UpstreamRefused("slow down", upstream="strong", status=429, retry_after="40")
        Attempt(one.members[1], "whole", clock.now).failed(refused, clock.now)
        await until(lambda: two.members[1].resting(clock.now))
        assert abs(two.members[1].wait_s(clock.now) - 40) < 0.01
        assert not two.members[0].resting(clock.now)
        assert isinstance(two.members[1].rest_because, UpstreamRefused)


async def test_a_key_that_was_rejected_on_one_server_is_asked_on_the_others(redis_url: str) -> None:
    clock = Clock()
    one, two = a_pool(clock), a_pool(clock)
    async with hinted(redis_url, clock, one, two):
        (mine,), (theirs,) = one.members, two.members
        rejected = UpstreamError("no such key", upstream="strong", code=KEY_REJECTED)
        Attempt(mine, "whole", clock.now).failed(rejected, clock.now)
        refused = UpstreamRefused("slow down", upstream="strong", status=429, retry_after="40")
        assert mine.resting(clock.now)
        clock.now += 31
        Attempt(mine, "whole", clock.now).failed(refused, clock.now)
        await until(lambda: theirs.resting(clock.now))
        assert isinstance(theirs.rest_because, UpstreamRefused)
        assert theirs.rest_because.upstream_status == 429
