"""Limits that several servers count together, on a real Redis."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from router.errors import RateLimited
from router.limits import SharedLimiter
from router.shared.redis_link import RedisLink
from tests.limits.support import admitted, scope
from tests.services.redis_server import a_redis
from tests.shared.support import a_link, until


async def test_two_servers_admit_together_no_more_than_the_limit(redis_url: str) -> None:
    key = scope(requests_per_minute=50)
    async with a_link(redis_url) as one, a_link(redis_url) as other:
        limiters = [SharedLimiter(one), SharedLimiter(other)]
        found = await asyncio.gather(*(admitted(limiters[n % 2], key, of=10) for n in range(20)))
    # A minute may end in between, and then those of the minute before count in part.
    assert 50 <= sum(found) <= 52


async def test_what_one_server_admitted_the_other_tells_of(redis_url: str) -> None:
    key = scope(requests_per_minute=10, tokens_per_minute=1000)
    async with a_link(redis_url) as one, a_link(redis_url) as other:
        await SharedLimiter(one).take([key], tokens=300)
        said = (await SharedLimiter(other).take([key], tokens=100)).headers
    assert said["x-ratelimit-remaining-requests"] == "8"
    assert said["x-ratelimit-remaining-tokens"] == "600"


async def test_tokens_settled_on_one_server_are_free_on_the_other(redis_url: str) -> None:
    key = scope(tokens_per_minute=1000)
    async with a_link(redis_url) as one, a_link(redis_url) as other:
        taken = await SharedLimiter(one).take([key], tokens=1000)
        with pytest.raises(RateLimited) as refused:
            await SharedLimiter(other).take([key], tokens=1)
        assert refused.value.kind == "tokens"
        taken.settle(100)
        taken.settle(100)
        # The link says it in the order in which it was told.
        await one.call("PING")
        again = await SharedLimiter(other).take([key], tokens=200)
    assert again.headers["x-ratelimit-remaining-tokens"] in ("700", "701")


async def test_a_request_is_admitted_by_all_scopes_or_counted_by_none(redis_url: str) -> None:
    wide, narrow = scope("team", "wide", requests_per_minute=10), scope("key", "narrow", requests_per_minute=3)
    async with a_link(redis_url) as link:
        limiter = SharedLimiter(link)
        assert await admitted(limiter, wide, narrow, of=9) == 3
        assert (await limiter.take([wide], tokens=0)).headers["x-ratelimit-remaining-requests"] == "6"


async def test_only_so_many_requests_are_under_way_on_all_servers_together(redis_url: str) -> None:
    key = scope(concurrent_requests=2)
    async with a_link(redis_url) as one, a_link(redis_url) as other:
        here, there = SharedLimiter(one), SharedLimiter(other)
        held = [await here.take([key], tokens=1), await there.take([key], tokens=1)]
        with pytest.raises(RateLimited, match="2 requests under way"):
            await here.take([key], tokens=1)
        held[1].settle(None)
        await other.call("PING")
        await here.take([key], tokens=1)


async def test_the_places_of_a_server_that_was_killed_are_free_again_after_a_while(redis_url: str) -> None:
    key = scope(concurrent_requests=1)
    async with a_link(redis_url) as one, a_link(redis_url) as other:
        await SharedLimiter(one).take([key], tokens=1)
        with pytest.raises(RateLimited):
            await SharedLimiter(other).take([key], tokens=1)
        # As if the lease had run out: nobody renews it.
        await other.run(
            "for _, m in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('ZADD', KEYS[1], 1, m) end",
            ["places:key:a"],
            [],
        )
        await SharedLimiter(other).take([key], tokens=1)


async def test_who_leaves_while_it_is_being_admitted_leaves_no_place_behind(redis_url: str) -> None:
    key = scope(concurrent_requests=20, tokens_per_minute=1000)
    async with a_link(redis_url) as link:
        limiter = SharedLimiter(link)
        await limiter.take([key], tokens=1)
        for turns in range(20):
            leaving = asyncio.create_task(limiter.take([key], tokens=10))
            for _ in range(turns % 3 + 1):
                await asyncio.sleep(0)
            leaving.cancel()
            await asyncio.wait([leaving])
            assert leaving.cancelled()
        # The link says it in the order in which it was told.
        assert await link.call("ZCARD", link.key("places:key:a")) == 1


async def test_requests_that_take_long_keep_their_places(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.limits.shared.RENEW_S", 0.01)
    key = scope(concurrent_requests=1)
    age = "for _, m in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('ZADD', KEYS[1], 9e9, m) end"
    score = "return redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]"
    async with a_link(redis_url) as link:
        limiter = SharedLimiter(link)
        await limiter.start()
        await limiter.take([key], tokens=1)
        await link.run(age, ["places:key:a"], [])
        async with asyncio.timeout(60):
            while float(await link.run(score, ["places:key:a"], [])) > 8e9:
                await asyncio.sleep(0.01)
        await limiter.aclose()


async def test_without_redis_each_server_counts_alone_and_then_together_again(tmp_path: Path) -> None:
    key = scope(requests_per_minute=1000, concurrent_requests=5)
    async with a_redis(tmp_path) as redis, a_link(redis.url) as one, a_link(redis.url) as other:
        here, there = SharedLimiter(one), SharedLimiter(other)
        first = await here.take([key], tokens=1)
        await redis.stop()
        alone = await here.take([key], tokens=1)
        # What it admitted before is known to it; what others did is not.
        assert alone.headers["x-ratelimit-remaining-requests"] in ("998", "999")
        assert (await there.take([key], tokens=1)).headers["x-ratelimit-remaining-requests"] == "999"
        held = [await here.take([key], tokens=1) for _ in range(3)]
        with pytest.raises(RateLimited):
            await here.take([key], tokens=1)
        await redis.start()
        await until(lambda: one.up and other.up)
        for taken in (first, alone, *held):
            taken.settle(1)
        assert (await here.take([key], tokens=1)).headers["x-ratelimit-remaining-requests"] == "999"
        assert (await there.take([key], tokens=1)).headers["x-ratelimit-remaining-requests"] == "998"


async def test_names_of_scopes_are_data_and_never_commands(redis_url: str) -> None:
    odd = scope("key", "a'] redis.call('FLUSHALL') --\r\nFLUSHALL\r\n", requests_per_minute=2)
    async with a_link(redis_url) as link:
        await link.call("SET", link.key("kept"), "1")
        await SharedLimiter(link).take([odd], tokens=1)
        assert await link.call("GET", link.key("kept")) == b"1"


async def test_idle_counts_go_away_by_themselves(redis_url: str) -> None:
    async with a_link(redis_url) as link:
        await SharedLimiter(link).take([scope(requests_per_minute=2, concurrent_requests=1)], tokens=1)
        for name in ("limits:key:a", "places:key:a"):
            assert 0 < await link.call("TTL", link.key(name)) <= 180


async def test_requests_that_ended_while_redis_was_away_hold_no_place_afterwards(tmp_path: Path) -> None:
    key = scope(concurrent_requests=2)
    async with a_redis(tmp_path) as redis, a_link(redis.url) as link, a_link(redis.url) as other:
        limiter = SharedLimiter(link)
        ended, goes_on = [await limiter.take([key], tokens=1) for _ in range(2)]
        await redis.stop()
        await until(lambda: not link.up)
        ended.settle(1)
        await redis.start()
        await until(lambda: link.up and other.up)
        await settled(link, "places:key:a", 1)
        goes_on.settle(1)
        await settled(link, "places:key:a", 0)


async def test_what_a_frozen_redis_was_asked_for_is_no_place_that_nobody_frees(tmp_path: Path) -> None:
    key = scope(concurrent_requests=2)
    async with a_redis(tmp_path) as redis, a_link(redis.url) as link:
        limiter = SharedLimiter(link)
        (await limiter.take([key], tokens=1)).settle(1)
        redis.freeze()
        both = await asyncio.gather(*(limiter.take([key], tokens=1) for _ in range(2)))
        both[0].settle(1)
        redis.thaw()
        await until(lambda: link.up)
        await settled(link, "places:key:a", 1)
        await limiter.take([key], tokens=1)
        both[1].settle(1)
        await settled(link, "places:key:a", 1)


async def test_a_redis_that_was_emptied_hears_again_who_is_under_way(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.limits.shared.RENEW_S", 0.01)
    async with a_link(redis_url) as link:
        limiter = SharedLimiter(link)
        await limiter.start()
        held = await limiter.take([scope(concurrent_requests=1)], tokens=1)
        await link.call("FLUSHDB")
        await settled(link, "places:key:a", 1)
        held.settle(1)
        await settled(link, "places:key:a", 0)
        await limiter.aclose()


async def settled(link: RedisLink, places: str, count: int) -> None:
    """Wait until so many places are held."""
    async with asyncio.timeout(20):
        while await link.call("ZCARD", link.key(places)) != count:
            await asyncio.sleep(0.01)
