"""Single flight: of equal requests at once the first asks a model, and the others wait for its answer.

They wait for the whole answer, streamed or not: one that turns out to be cut off, refused or broken is nobody else's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from router.cache.contract import Cache, Hit, Ticket

PATIENCE_S = 60.0
"""Seconds that a request waits for an equal one: a leader whose caller reads slowly must not hold others up."""


class Flight:
    """One request that leads, for whoever waits to learn how it ended."""

    def __init__(self, let_go: Callable[[], object], patience_s: float) -> None:
        self._let_go = let_go
        self._patience_s = patience_s
        self._landed = asyncio.Event()
        self._abandoned = False

    def land(self, *, abandoned: bool) -> None:
        """The leader is settled. ``abandoned``: its caller left, which says nothing about the answer."""
        self._let_go()
        self._abandoned = abandoned
        self._landed.set()

    async def abandoned(self) -> bool:
        """Wait for the end; True where another request should take the leader's place.

        Raises:
            TimeoutError: it took too long.
        """
        async with asyncio.timeout(self._patience_s):
            await self._landed.wait()
        return self._abandoned


class Flights:
    """The requests that are being answered just now, by exact key. For one event loop.

    Args:
        cache: through which an answer goes from a leader to those who wait, so that only what may be kept is shared.
        enabled: False lets every request go by itself.
        patience_s: how long a request waits before it goes by itself after all.
    """

    def __init__(self, cache: Cache, *, enabled: bool = True, patience_s: float = PATIENCE_S) -> None:
        self._cache = cache
        self._enabled = enabled
        self._patience_s = patience_s
        self._under_way: dict[bytes, Flight] = {}

    async def exact(self, ticket: Ticket, lead: Callable[[Flight], None]) -> Hit | None:
        """The answer kept for this very request, also one that an equal request is only just getting.

        Args:
            ticket: of this request.
            lead: called where this request is the first of its kind, with the flight to be landed when it is settled.

        Returns:
            None where this request must find its answer itself: it leads, it may not share, or the one that led
            brought nothing that may be shared (then all who waited go on at once).
        """
        hit = self._cache.exact(ticket)
        while hit is None and self._enabled and ticket.may_share and ticket.keys is not None:
            flight = self._under_way.get(ticket.keys.exact)
            if flight is None:
                lead(self._begin(ticket.keys.exact))
                return None
            try:
                abandoned = await flight.abandoned()
            except TimeoutError:
                return None
            hit = self._cache.exact(ticket)
            if not abandoned:
                break
        return hit

    def _begin(self, key: bytes) -> Flight:
        flight = Flight(let_go=lambda: self._under_way.pop(key, None), patience_s=self._patience_s)
        self._under_way[key] = flight
        return flight
