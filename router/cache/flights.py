"""Single flight: of equal requests at once the first asks a model, and the others wait for its answer.

They wait for the whole answer, streamed or not: one that turns out to be cut off, refused or broken is nobody else's.
Of several servers that share a cache, one leads likewise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from router.cache.contract import Cache, Hit, Ticket

PATIENCE_S = 60.0
"""Seconds that a request waits for an equal one: a leader whose caller reads slowly must not hold others up."""


class Claim(Protocol):
    """The right to lead among all servers."""

    @property
    def stale(self) -> bool:
        """Whether an equal request has just been answered elsewhere: the cache may have the answer by now."""
        ...

    def release(self, *, abandoned: bool) -> None:
        """The leader is settled; see ``Flight.land``. Never blocks and never raises."""
        ...


class Elsewhere(Protocol):
    """The other servers, where equal requests may be under way."""

    async def claim(self, exact: bytes, patience_s: float) -> Claim | None:
        """The right to lead, as soon as nobody else has it.

        Args:
            exact: the key of the request.
            patience_s: how long to wait for another server's answer at most.

        Returns:
            None where another server was waited for: its answer is in the cache, or there is none that may be shared.
        """
        ...


class NoneElsewhere:
    """There is no other server: whoever asks leads."""

    stale = False

    async def claim(self, exact: bytes, patience_s: float) -> Claim | None:
        """The right to lead, without a wait."""
        return self

    def release(self, *, abandoned: bool) -> None:
        """Nobody waits for it."""


class Flight:
    """One request that leads, for whoever waits to learn how it ended."""

    def __init__(self, let_go: Callable[[], object], patience_s: float) -> None:
        self._let_go = let_go
        self._patience_s = patience_s
        self._landed = asyncio.Event()
        self._abandoned = False
        self._claim: Claim = NoneElsewhere()

    def claimed(self, claim: Claim) -> None:
        """It leads among all servers."""
        self._claim = claim

    def land(self, *, abandoned: bool) -> None:
        """The leader is settled. ``abandoned``: its caller left, which says nothing about the answer."""
        self._let_go()
        self._claim.release(abandoned=abandoned)
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
        elsewhere: the other servers that keep the same answers.
    """

    def __init__(
        self,
        cache: Cache,
        *,
        enabled: bool = True,
        patience_s: float = PATIENCE_S,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._cache = cache
        self._elsewhere = elsewhere or NoneElsewhere()
        self._enabled = enabled
        self._patience_s = patience_s
        self._under_way: dict[bytes, Flight] = {}
        self.waiting = 0
        """Requests that wait for an equal one's answer."""

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
                return await self._first(ticket, ticket.keys.exact, lead)
            self.waiting += 1
            try:
                abandoned = await flight.abandoned()
            except TimeoutError:
                return None
            finally:
                self.waiting -= 1
            hit = self._cache.exact(ticket)
            if not abandoned:
                break
        return hit

    async def _first(self, ticket: Ticket, key: bytes, lead: Callable[[Flight], None]) -> Hit | None:
        """Lead this server's equal requests, and those of all servers unless another one does."""
        flight = Flight(let_go=lambda: self._under_way.pop(key, None), patience_s=self._patience_s)
        self._under_way[key] = flight
        try:
            claim = await self._elsewhere.claim(key, self._patience_s)
        except BaseException:
            flight.land(abandoned=True)
            raise
        hit = self._cache.exact(ticket) if claim is None or claim.stale else None
        if claim is None or hit is not None:
            if claim is not None:
                claim.release(abandoned=False)
            flight.land(abandoned=False)
            return hit
        flight.claimed(claim)
        lead(flight)
        return None
