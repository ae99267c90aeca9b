"""Limits as one process counts them, with the ``limits`` package.

Why ``limits`` (MIT, maintained since 2013, the engine of slowapi and Flask-Limiter): a sliding window kept as two
counters, so that no burst of twice the limit fits around a full minute, as it does with fixed windows, and no list of
requests is kept, as for moving ones. A count costs 5 us here by its blocking storage in memory, which waits for
nothing; that for asyncio starts a task at every count that walks all of its keys (13 us, 59 us at 600 keys). What it
does not have is done here: taking from several limits or from none, tokens that are settled later, and requests at
once.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from router.limits.limiter import Taken, Unlimited
from router.limits.places import Places
from router.limits.standing import Kind, Standing, after, headers, limited_of, limits_of, require_room
from router.limits.windows import WINDOW_S, Window
from router.principals import Scope

if TYPE_CHECKING:
    from limits.storage import MemoryStorage

NOTHING_TAKEN = Unlimited()


class LocalLimiter:
    """Counts in memory. For one event loop."""

    def __init__(self) -> None:
        self._places = Places()

    async def take(self, scopes: Sequence[Scope], *, tokens: int) -> Taken:
        """Admit one request to all of the scopes, or to none; see ``Limiter.take``."""
        return self.take_now(scopes, tokens=tokens)

    def take_now(self, scopes: Sequence[Scope], *, tokens: int) -> Taken:
        """The same without waiting for a turn.

        Raises:
            RateLimited: one of them is full.
        """
        limited = limited_of(scopes)
        if not limited:
            return NOTHING_TAKEN
        now = time.time()
        standings = [
            Standing(scope, kind, self._window(_counter(scope, kind), limit, now))
            for scope in limited
            for kind, limit in limits_of(scope)
        ]
        require_room(standings, tokens, crowded=self._places.crowded(limited))
        return LocallyTaken(self, headers(after(standings, tokens)), self.count(limited, tokens=tokens, now=now))

    def count(self, limited: Sequence[Scope], *, tokens: int, now: float | None = None) -> Count:
        """Count a request that is admitted already, whether there is room or not."""
        now = time.time() if now is None else now
        token_counters = []
        for scope in limited:
            for kind, _ in limits_of(scope):
                key = self._key(_counter(scope, kind), now)
                self._storage.incr(key, 2 * WINDOW_S, tokens if kind == "tokens" else 1)
                if kind == "tokens":
                    token_counters.append(key)
        return Count(tuple(limited), self._places.take(limited), tuple(token_counters), tokens)

    def give_back(self, count: Count, tokens: int) -> None:
        """A counted request has ended, and took so many tokens in truth.

        What was reserved beyond that is taken back from the minute in which it was counted; what was not enough counts
        from now on.
        """
        self._places.free(count.places)
        for key in count.token_counters:
            # A minute that is over is gone: counting in it once more would keep it for ever.
            if tokens < count.tokens and self._storage.get(key):
                self._storage.decr(key, count.tokens - tokens)
        if tokens > count.tokens:
            now = time.time()
            for scope in count.scopes:
                if scope.limits.tokens_per_minute is not None:
                    key = self._key(_counter(scope, "tokens"), now)
                    self._storage.incr(key, 2 * WINDOW_S, tokens - count.tokens)

    def preload(self) -> None:
        """Import the package, which takes some 50 ms, off the request path."""
        _ = self._storage

    async def start(self) -> None:
        """Nothing is connected to."""

    async def aclose(self) -> None:
        """Nothing is held."""

    @cached_property
    def _storage(self) -> MemoryStorage:
        from limits.storage import MemoryStorage

        return MemoryStorage()

    def _window(self, counter: str, limit: int, now: float) -> Window:
        previous, current = self._storage.sliding_window_keys(counter, WINDOW_S, now)
        return Window(limit, self._storage.get(previous), self._storage.get(current), WINDOW_S - now % WINDOW_S)

    def _key(self, counter: str, now: float) -> str:
        return self._storage.sliding_window_keys(counter, WINDOW_S, now)[1]


class Count(NamedTuple):
    """What one request was counted as: places and counters by name, and the tokens that were reserved."""

    scopes: tuple[Scope, ...]
    places: tuple[str, ...]
    token_counters: tuple[str, ...]
    tokens: int


class LocallyTaken:
    """What one request holds of this process's limits."""

    def __init__(self, limiter: LocalLimiter, said: dict[str, str], count: Count) -> None:
        self.headers = said
        self._limiter = limiter
        self._count: Count | None = count

    def settle(self, tokens: int | None) -> None:
        """The request has ended; see ``Taken.settle``. Told again, nothing more happens."""
        if self._count is not None:
            self._limiter.give_back(self._count, tokens or 0)
            self._count = None


def _counter(scope: Scope, kind: Kind) -> str:
    return f"{scope.name}/{kind}"
