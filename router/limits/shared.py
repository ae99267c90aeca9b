"""Limits that several servers count together, in Redis, exactly: one round trip for all scopes of a request.

The same sliding windows as ``router.limits.local`` has from the ``limits`` package. That package counts in Redis too,
but one limit at a time: a request that is held to two limits by its key and two by its team would take eight round
trips (0.1 ms of CPU for each hit, and as much for what the headers say), could take from some and be refused by others,
and the package knows neither tokens that are settled later nor requests at once. One script does all of it as one step.

While Redis is away each server counts by itself, from what it admitted in the last minute: of N servers each allows a
whole limit then. When Redis is back it counts on from where it was, and within a minute everything is exact again.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
from collections.abc import Sequence
from typing import Any, NamedTuple

from router.errors import SharedStateAway
from router.limits.limiter import Taken
from router.limits.local import NOTHING_TAKEN, Count, LocalLimiter
from router.limits.scripts import GIVE_BACK, RENEW, TAKE
from router.limits.standing import Standing, after, headers, limited_of, limits_of, require_room
from router.limits.windows import Window
from router.principals import Scope
from router.shared import Link

LEASE_S = 30
"""A place is held for so long at a time: those of a server that was killed are free again after that."""

RENEW_S = 10.0

_NO_LIMIT = -1


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
            reply = _understood(await self._link.run(TAKE, keys, arguments), len(limited))
        except SharedStateAway:
            return self._local.take_now(limited, tokens=tokens)
        except asyncio.CancelledError:
            # The caller left: it may hold places by now. Whether its tokens were counted is not known; they stay.
            self._link.later(GIVE_BACK, keys, [take, 0, 0])
            raise
        standings, crowded = _read(limited, reply)
        if not reply.admitted:
            require_room(standings, tokens, crowded=crowded)
            # Our rounding and Redis's can differ at the very edge of a window.
            require_room(standings, tokens, crowded=limited[0])
        self._hold(take, limited)
        count = self._local.count(limited, tokens=tokens)
        return _SharedTaken(self, headers(after(standings, tokens)), take, keys, reply.minute, count)

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
                self._link.later(RENEW, [key], [LEASE_S, *takes])


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


class _Reply(NamedTuple):
    """What the script says: of the minute, whether the request is admitted, and five counts of each scope."""

    left_s: float
    minute: int
    admitted: bool
    counts: tuple[int, ...]


def _understood(reply: Any, scopes: int) -> _Reply:
    """Raises ``SharedStateAway`` where it is no reply of the script."""
    try:
        left_s, minute, admitted, *counts = reply
        if len(counts) != 5 * scopes:
            raise ValueError(len(counts))
        return _Reply(float(left_s), int(minute), bool(admitted), tuple(map(int, counts)))
    except (TypeError, ValueError):
        raise SharedStateAway("what Redis says of limits is not understood.") from None


def _read(limited: Sequence[Scope], reply: _Reply) -> tuple[list[Standing], Scope | None]:
    """What the script told of each scope; and the first one without a place."""
    standings: list[Standing] = []
    crowded: Scope | None = None
    for place, scope in enumerate(limited):
        requests_before, requests, tokens_before, tokens, held = reply.counts[5 * place : 5 * place + 5]
        counts = {"requests": (requests_before, requests), "tokens": (tokens_before, tokens)}
        standings += [
            Standing(scope, kind, Window(limit, *counts[kind], reply.left_s)) for kind, limit in limits_of(scope)
        ]
        most = scope.limits.concurrent_requests
        if most is not None and held >= most:
            crowded = crowded or scope
    return standings, crowded
