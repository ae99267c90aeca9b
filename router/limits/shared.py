"""Limits that several servers count together, in Redis, exactly: one round trip for all scopes of a request.

The same sliding windows as ``router.limits.local`` has from the ``limits`` package. That package counts in Redis too, but
one limit at a time: a request that is held to two limits by its key and two by its team would take eight round trips
(0.4 ms of CPU for four gathered hits, 0.1 ms for one; with the headers twice that), could take from some and be refused
by others, and knows neither tokens that are settled later nor requests at once. One script does all of it as one step.

While Redis is away each server counts by itself, from what it admitted in the last minute: of N servers each allows a
whole limit then. When Redis is back it counts on from where it was, and within a minute everything is exact again.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
from collections.abc import Sequence
from typing import Any

from router.errors import SharedStateAway
from router.limits.limiter import Taken
from router.limits.local import NOTHING_TAKEN, Count, LocalLimiter
from router.limits.standing import Standing, after, headers, limited_of, limits_of, require_room
from router.limits.windows import Window
from router.principals import Scope
from router.shared import Link

LEASE_S = 30
"""A place is held for so long at a time: those of a server that was killed are free again after that."""

RENEW_S = 10.0

_NO_LIMIT = -1

TAKE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local minute = math.floor(now / 60)
local left = 60 - (now - minute * 60)
local tokens, take, lease = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local reply, admitted = {tostring(left), minute, 1}, true

local function full(previous, current, amount, limit)
    return limit >= 0 and math.floor(previous * left / 60 + current) + amount > limit
end

for scope = 1, #KEYS / 2 do
    local counts, places = KEYS[2 * scope - 1], KEYS[2 * scope]
    local requests, per_minute, most = tonumber(ARGV[3 * scope + 1]), tonumber(ARGV[3 * scope + 2]), tonumber(ARGV[3 * scope + 3])
    local seen = redis.call('HMGET', counts, 'r' .. minute - 1, 'r' .. minute, 't' .. minute - 1, 't' .. minute)
    for field = 1, 4 do
        seen[field] = tonumber(seen[field] or 0)
        reply[#reply + 1] = seen[field]
    end
    local held = 0
    if most >= 0 then
        redis.call('ZREMRANGEBYSCORE', places, '-inf', now)
        held = redis.call('ZCARD', places)
    end
    reply[#reply + 1] = held
    if full(seen[1], seen[2], 1, requests) or full(seen[3], seen[4], tokens, per_minute)
        or (most >= 0 and held >= most) then
        admitted = false
    end
end
if not admitted then
    reply[3] = 0
    return reply
end
for scope = 1, #KEYS / 2 do
    local counts, places = KEYS[2 * scope - 1], KEYS[2 * scope]
    redis.call('HINCRBY', counts, 'r' .. minute, 1)
    redis.call('HINCRBY', counts, 't' .. minute, tokens)
    redis.call('EXPIRE', counts, 180)
    if redis.call('HLEN', counts) > 4 then
        for _, field in ipairs(redis.call('HKEYS', counts)) do
            if tonumber(string.sub(field, 2)) < minute - 1 then redis.call('HDEL', counts, field) end
        end
    end
    if tonumber(ARGV[3 * scope + 3]) >= 0 then
        redis.call('ZADD', places, now + lease, take)
        redis.call('EXPIRE', places, 2 * lease)
    end
end
return reply
"""
"""Keys: of each scope its counts and its places. Arguments: tokens, a name for the request, seconds of a lease, and for
each scope its three limits, -1 for none. Reply: seconds left of the minute, its number, whether the request is admitted,
and for each scope what counted before: requests of the minute before and of this one, tokens the same, places held."""

GIVE_BACK = """
local take, surplus, counted_in = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local minute = math.floor(redis.call('TIME')[1] / 60)
for scope = 1, #KEYS / 2 do
    local counts, places = KEYS[2 * scope - 1], KEYS[2 * scope]
    redis.call('ZREM', places, take)
    local field = 't' .. counted_in
    if surplus > 0 and redis.call('HEXISTS', counts, field) == 1 then
        local left = redis.call('HINCRBY', counts, field, -surplus)
        if left < 0 then redis.call('HSET', counts, field, 0) end
    elseif surplus < 0 then
        redis.call('HINCRBY', counts, 't' .. minute, -surplus)
        redis.call('EXPIRE', counts, 180)
    end
end
"""
"""Keys as above. Arguments: the request's name, tokens reserved beyond the truth (negative: too few), its minute."""

RENEW = """
local now = tonumber(redis.call('TIME')[1])
for _, take in ipairs(ARGV) do redis.call('ZADD', KEYS[1], 'XX', now + %d, take) end
redis.call('EXPIRE', KEYS[1], %d)
""" % (LEASE_S, 2 * LEASE_S)
"""Key: places of one scope. Arguments: the requests of this server that hold one."""


class SharedLimiter:
    """Counts in Redis, and alone while that is away. For one event loop.

    Args:
        link: leads to Redis.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._local = LocalLimiter()
        self._server = secrets.token_hex(6)
        self._numbers = itertools.count()
        self._holding: dict[str, list[str]] = {}
        self._renewing: asyncio.Task[None] | None = None

    async def take(self, scopes: Sequence[Scope], *, tokens: int) -> Taken:
        """Admit one request to all of the scopes, or to none; see ``Limiter.take``."""
        limited = limited_of(scopes)
        if not limited:
            return NOTHING_TAKEN
        take = f"{self._server}:{next(self._numbers)}"
        arguments: list[str | int] = [tokens, take, LEASE_S]
        for scope in limited:
            most = (scope.limits.requests_per_minute, scope.limits.tokens_per_minute, scope.limits.concurrent_requests)
            arguments += [_NO_LIMIT if limit is None else limit for limit in most]
        keys = _keys(limited)
        try:
            reply = await self._link.run(TAKE, keys, arguments)
        except SharedStateAway:
            return self._local.take_now(limited, tokens=tokens)
        standings, crowded = _read(limited, reply)
        if not reply[2]:
            require_room(standings, tokens, crowded=crowded)
            # Our rounding and Redis's can differ at the very edge of a window.
            require_room(standings, tokens, crowded=limited[0])
        self._hold(take, limited)
        count = self._local.count(limited, tokens=tokens)
        return _SharedTaken(self, headers(after(standings, tokens)), take, keys, int(reply[1]), count)

    def give_back(self, take: str, keys: Sequence[str], minute: int, count: Count, tokens: int) -> None:
        """A request has ended, and took so many tokens in truth."""
        self._local.give_back(count, tokens)
        self._holding.pop(take, None)
        self._link.later(GIVE_BACK, keys, [take, count.tokens - tokens, minute])

    def preload(self) -> None:
        """Import what counting alone needs, off the request path."""
        self._local.preload()

    async def start(self) -> None:
        """Begin to renew the places of requests that take long."""
        self._renewing = asyncio.create_task(self._renew())

    async def aclose(self) -> None:
        """Stop renewing; the link is somebody else's."""
        if self._renewing is not None:
            self._renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._renewing

    def _hold(self, take: str, limited: Sequence[Scope]) -> None:
        places = [_places(scope) for scope in limited if scope.limits.concurrent_requests is not None]
        if places:
            self._holding[take] = places

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            by_scope: dict[str, list[str]] = {}
            for take, places in self._holding.items():
                for key in places:
                    by_scope.setdefault(key, []).append(take)
            for key, takes in by_scope.items():
                self._link.later(RENEW, [key], takes)


class _SharedTaken:
    """What one request holds of the shared limits."""

    def __init__(
        self,
        limiter: SharedLimiter,
        said: dict[str, str],
        take: str,
        keys: Sequence[str],
        minute: int,
        count: Count,
    ) -> None:
        self.headers = said
        self._limiter = limiter
        self._take = take
        self._keys = keys
        self._minute = minute
        self._count: Count | None = count

    def settle(self, tokens: int | None) -> None:
        """The request has ended; see ``Taken.settle``. Told again, nothing more happens."""
        if self._count is not None:
            self._limiter.give_back(self._take, self._keys, self._minute, self._count, tokens or 0)
            self._count = None


def _keys(limited: Sequence[Scope]) -> list[str]:
    return [key for scope in limited for key in (f"limits:{scope.name}", _places(scope))]


def _places(scope: Scope) -> str:
    return f"places:{scope.name}"


def _read(limited: Sequence[Scope], reply: Sequence[Any]) -> tuple[list[Standing], Scope | None]:
    """What the script told of each scope; and the first one without a place."""
    left_s = float(reply[0])
    standings: list[Standing] = []
    crowded: Scope | None = None
    for place, scope in enumerate(limited):
        requests_before, requests, tokens_before, tokens, held = map(int, reply[3 + 5 * place : 8 + 5 * place])
        counts = {"requests": (requests_before, requests), "tokens": (tokens_before, tokens)}
        standings += [Standing(scope, kind, Window(limit, *counts[kind], left_s)) for kind, limit in limits_of(scope)]
        most = scope.limits.concurrent_requests
        if most is not None and held >= most:
            crowded = crowded or scope
    return standings, crowded
