"""Limits that several servers count together, in Redis, exactly: one round trip for all scopes of a request.

The same sliding windows as ``router.limits.local`` has from the ``limits`` package. That package counts in Redis too,
but one limit at a time: a request that is held to two limits by its key and two by its team would take eight round
trips (0.1 ms of CPU for each hit, and as much for what the headers say), could take from some and be refused by others,
and the package knows neither tokens that are settled later nor requests at once. One script does all of it as one step.

While Redis is away each server counts by itself, from what it admitted in the last minute: of N servers each allows a
whole limit then. When Redis is back it counts on from where it was, and within a minute everything is exact again.
Places are told anew at once, and again every ten seconds: of a request that ended meanwhile none stays taken, and one
that goes on holds its own also in a Redis that forgot it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
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
        self._asking: dict[str, list[str]] = {}
        self._holding: dict[str, list[str]] = {}
        self._used: dict[str, float] = {}
        self._renewing: asyncio.Task[None] | None = None
        link.on_return(self._say_places)

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
        places = [_places(scope) for scope in limited if scope.limits.concurrent_requests is not None]
        self._asking[take] = places
        try:
            reply = _understood(await self._link.run(TAKE, keys, arguments), len(limited))
        except SharedStateAway:
            return self._take_alone(limited, tokens, take, keys, places)
        except asyncio.CancelledError:
            # The caller left: it may hold places by now. Whether its tokens were counted is not known; they stay.
            self._link.later(GIVE_BACK, keys, [take, 0, 0])
            raise
        finally:
            del self._asking[take]
            self._use(places)
        standings, crowded = _read(limited, reply)
        if not reply.admitted:
            require_room(standings, tokens, crowded=crowded)
            # Our rounding and Redis's can differ at the very edge of a window.
            require_room(standings, tokens, crowded=limited[0])
        self._hold(take, places)
        count = self._local.count(limited, tokens=tokens)
        return _SharedTaken(self, headers(after(standings, tokens)), take, keys, reply.minute, count)

    def give_back(self, take: str, keys: Sequence[str], minute: int, count: Count, tokens: int) -> None:
        """A request has ended, and took so many tokens in truth."""
        self._local.give_back(count, tokens)
        self._let_go(take)
        self._link.later(GIVE_BACK, keys, [take, count.tokens - tokens, minute])

    def give_back_place(self, take: str, keys: Sequence[str]) -> None:
        """A request has ended that this server admitted alone: what it took is not counted elsewhere."""
        self._let_go(take)
        self._link.later(GIVE_BACK, keys, [take, 0, 0])

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

    def _take_alone(
        self, limited: Sequence[Scope], tokens: int, take: str, keys: Sequence[str], places: Sequence[str]
    ) -> Taken:
        taken = self._local.take_now(limited, tokens=tokens)
        if not places:
            return taken
        # Redis is told of its place once it is back, where it may have heard of it already.
        self._hold(take, places)
        return _AloneTaken(self, taken, take, keys)

    def _hold(self, take: str, places: Sequence[str]) -> None:
        if places:
            self._holding[take] = list(places)

    def _let_go(self, take: str) -> None:
        self._use(self._holding.pop(take, ()))

    def _use(self, places: Iterable[str]) -> None:
        now = time.monotonic()
        for key in places:
            self._used[key] = now

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            self._say_places()

    def _say_places(self) -> None:
        """Say anew what is held of each scope that Redis may know something of."""
        oldest = time.monotonic() - LEASE_S
        held = _by_scope(self._holding)
        asking = _by_scope(self._asking)
        self._used = {key: at for key, at in self._used.items() if at >= oldest or key in held}
        for key in self._used:
            takes = held.get(key, [])
            said = [LEASE_S, f"{self._server}:", len(takes), *takes, *asking.get(key, ())]
            self._link.later(RENEW, [key], said)


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


class _AloneTaken:
    """What a request holds that was admitted while Redis was away."""

    def __init__(self, limiter: SharedLimiter, taken: Taken, take: str, keys: Sequence[str]) -> None:
        self.headers = taken.headers
        self._limiter = limiter
        self._taken = taken
        self._take = take
        self._keys = keys

    def settle(self, tokens: int | None) -> None:
        """The request has ended; see ``Taken.settle``. Told again, nothing more happens."""
        self._taken.settle(tokens)
        self._limiter.give_back_place(self._take, self._keys)


def _by_scope(takes: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Names of requests, by the places that they have to do with."""
    found: dict[str, list[str]] = {}
    for take, places in takes.items():
        for key in places:
            found.setdefault(key, []).append(take)
    return found


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
