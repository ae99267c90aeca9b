from __future__ import annotations

import asyncio
import math
import time

import pytest

from router.errors import RateLimited
from router.limits import LocalLimiter
from tests.limits.support import admitted, scope


async def test_no_more_requests_than_the_limit_are_admitted_in_a_minute() -> None:
    # A minute may end in between, and then the newest ones of the minute before count in part.
    assert await admitted(LocalLimiter(), scope(requests_per_minute=7)) in (7, 8)


async def test_who_has_no_limits_is_always_admitted_and_told_nothing() -> None:
    taken = await LocalLimiter().take([scope()], tokens=10**9)
    assert taken.headers == {}
    taken.settle(5)


async def test_of_several_scopes_all_admit_a_request_or_none_counts_it() -> None:
    limiter = LocalLimiter()
    wide, narrow = scope("team", "wide", requests_per_minute=10), scope("key", "narrow", requests_per_minute=3)
    assert await admitted(limiter, wide, narrow, of=9) == 3
    taken = await limiter.take([wide], tokens=0)
    assert taken.headers["x-ratelimit-remaining-requests"] == "6"


async def test_the_headers_are_those_of_the_limit_that_is_nearest() -> None:
    team = scope("team", requests_per_minute=100, tokens_per_minute=500)
    key = scope("key", requests_per_minute=5, tokens_per_minute=10_000)
    taken = await LocalLimiter().take([team, key], tokens=120)
    said = taken.headers
    assert (said["x-ratelimit-limit-requests"], said["x-ratelimit-remaining-requests"]) == ("5", "4")
    assert (said["x-ratelimit-limit-tokens"], said["x-ratelimit-remaining-tokens"]) == ("500", "380")
    assert said["x-ratelimit-reset-tokens"].endswith("s")


async def test_requests_that_take_longer_than_they_count_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    limiter, key, now = LocalLimiter(), scope(tokens_per_minute=1000), time.time()
    taken = await limiter.take([key], tokens=900)
    monkeypatch.setattr(time, "time", lambda: now + 300)
    taken.settle(100)
    monkeypatch.undo()
    assert limiter._storage.storage == {}


async def test_tokens_that_were_reserved_but_not_used_are_given_back() -> None:
    limiter, key = LocalLimiter(), scope(tokens_per_minute=1000)
    first = await limiter.take([key], tokens=900)
    with pytest.raises(RateLimited) as refused:
        await limiter.take([key], tokens=200)
    assert refused.value.kind == "tokens"
    first.settle(100)
    first.settle(100)  # told again: counts once
    second = await limiter.take([key], tokens=200)
    assert second.headers["x-ratelimit-remaining-tokens"] in ("700", "701")


async def test_tokens_beyond_the_reserved_ones_count_too() -> None:
    limiter, key = LocalLimiter(), scope(tokens_per_minute=1000)
    (await limiter.take([key], tokens=10)).settle(990)
    with pytest.raises(RateLimited):
        await limiter.take([key], tokens=50)


async def test_a_request_that_asked_no_model_counts_without_tokens() -> None:
    limiter, key = LocalLimiter(), scope(tokens_per_minute=1000, requests_per_minute=10)
    (await limiter.take([key], tokens=1000)).settle(None)
    taken = await limiter.take([key], tokens=1000)
    assert taken.headers["x-ratelimit-remaining-requests"] == "8"


async def test_a_request_that_never_fits_is_told_so_and_not_to_come_back() -> None:
    with pytest.raises(RateLimited, match="max_completion_tokens") as refused:
        await LocalLimiter().take([scope(tokens_per_minute=100)], tokens=101)
    assert math.isinf(refused.value.retry_after_s)
    assert refused.value.headers["x-should-retry"] == "false"
    assert "retry-after" not in refused.value.headers


async def test_only_so_many_requests_are_under_way_at_once() -> None:
    limiter, key = LocalLimiter(), scope(concurrent_requests=2)
    held = [await limiter.take([key], tokens=1) for _ in range(2)]
    with pytest.raises(RateLimited, match="2 requests under way") as refused:
        await limiter.take([key], tokens=1)
    assert refused.value.headers["retry-after"] == "1"
    held[0].settle(None)
    await limiter.take([key], tokens=1)


async def test_who_is_refused_is_told_when_there_is_room_again() -> None:
    limiter, key = LocalLimiter(), scope(requests_per_minute=1)
    await limiter.take([key], tokens=1)
    with pytest.raises(RateLimited, match="requests per minute of this key: limit 1, used 1") as refused:
        await limiter.take([key], tokens=1)
        await limiter.take([key], tokens=1)
    error = refused.value
    assert 0 < error.retry_after_s <= 120
    assert 1 <= int(error.headers["retry-after"]) <= 120
    assert error.payload()["error"]["code"] == "rate_limit_exceeded"
    assert error.payload()["error"]["type"] == "requests"
    assert error.headers["x-ratelimit-remaining-requests"] == "0"


async def test_many_at_once_are_held_to_the_limit() -> None:
    limiter, key = LocalLimiter(), scope(requests_per_minute=50)
    found = await asyncio.gather(*(admitted(limiter, key, of=10) for _ in range(20)))
    assert 50 <= sum(found) <= 52
