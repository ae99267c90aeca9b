"""Several upstreams that stand for one another: balanced, retried, and left alone while they are unwell.

The loop is ours. tenacity and stamina repeat one call after a wait; here every attempt goes to another member, each
failure changes what the others are worth, the wait is often none, and whether there is an attempt at all is decided by
members and a budget together: what is left for a library would be the ``while``.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Literal, TypeVar

import msgspec

from router.errors import KEY_REJECTED, UpstreamError, UpstreamRefused, UpstreamUnavailable
from router.tracing import TRACE, AttemptTrace
from router.types import Endpoint, Native
from router.upstream.base import State, Upstream, WholeReply
from router.upstream.faults import fault_of
from router.upstream.pool import waiting
from router.upstream.pool.budget import RetryBudget
from router.upstream.pool.choosing import choose
from router.upstream.pool.hedging import hedged
from router.upstream.pool.member import Attempt, Condition, Member, Shape
from router.upstream.pool.peeked import PeekedStream
from router.upstream.pool.reach import is_loopback
from router.upstream.pool.resilience import Resilience
from router.upstream.providers import LOCAL

T = TypeVar("T")
Ask = Callable[[Attempt], Coroutine[Any, Any, T]]

LOOK_UP_S = 2.0
"""How long it is taken for granted that somebody can be reached, or cannot."""

_BEST_FIRST: tuple[State, ...] = ("ready", "unknown", "starting", "failed")


class Pool:
    """Implements `router.upstream.base.Upstream` over members.

    Args:
        name: how people and errors call it: the route.
        members: at least one; the first one's model is the model's name and price.
        resilience: how persistent it is.
        chance: where draws and jitter come from.
        clock: a monotonic clock, in seconds.

    Attributes:
        retries: attempts after a first one, by what became of the wish: ``made``, or ``denied`` by the budget.
        hedges: second requests, by whether the second one answered: ``won`` or ``lost``.
    """

    def __init__(
        self,
        *,
        name: str,
        members: Sequence[Member],
        resilience: Resilience | None = None,
        chance: random.Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.members = tuple(members)
        self.retries: Counter[str] = Counter()
        self.hedges: Counter[str] = Counter()
        self._resilience = resilience or Resilience()
        self._budget = RetryBudget(self._resilience.retry_budget)
        self._chance = chance or random.Random()  # noqa: S311 - no secret hangs on it
        self._clock = clock
        self._looked_up: tuple[float, bool] | None = None
        self._looking_up = asyncio.Lock()

    def among(self, kept: Callable[[Upstream], bool]) -> Pool | None:
        """A pool of some of the members, which stay this one's as well; itself where all are kept, None without any."""
        members = [member for member in self.members if kept(member.upstream)]
        if len(members) == len(self.members):
            return self
        if not members:
            return None
        return Pool(
            name=self.name, members=members, resilience=self._resilience, chance=self._chance, clock=self._clock
        )

    @property
    def model(self) -> str:
        """The id that the first member knows."""
        return self._first.model

    @property
    def provider(self) -> str | None:
        """The first member's."""
        return self._first.provider

    @property
    def dialect(self) -> Literal["messages"] | None:
        """The protocol that every member takes as it came."""
        dialects = {member.upstream.dialect for member in self.members}
        return dialects.pop() if len(dialects) == 1 else None

    @property
    def address(self) -> str:
        """The first member's; of several, all that may answer: an answer is kept for these and no others."""
        places = {(member.upstream.address, member.upstream.model) for member in self.members}
        if len(places) == 1:
            return self._first.address
        return "|".join(f"{model}@{address}" for address, model in sorted(places))

    @property
    def state(self) -> State:
        """The best of the members' states."""
        states = {member.upstream.state for member in self.members}
        return next(state for state in _BEST_FIRST if state in states)

    @property
    def conditions(self) -> list[Condition]:
        """How each member fares."""
        now = self._clock()
        return [member.condition(now) for member in self.members]

    async def reachable(self) -> bool:
        """Whether any member may be asked now, and is there. Looked up at most once in a few seconds, whoever asks."""
        async with self._looking_up:
            now = self._clock()
            if self._looked_up is None or now - self._looked_up[0] > LOOK_UP_S:
                self._looked_up = now, any(await asyncio.gather(*(member.reachable(now) for member in self.members)))
            return self._looked_up[1]

    async def complete(
        self, body: Mapping[str, Any], *, endpoint: Endpoint = "chat/completions", native: Native | None = None
    ) -> WholeReply:
        """See `router.upstream.base.Upstream.complete`; the failure that is raised is the first one."""

        async def ask(attempt: Attempt) -> WholeReply:
            reply = await attempt.member.upstream.complete(body, endpoint=endpoint, native=native)
            now = self._clock()
            attempt.heard(now)
            attempt.succeeded(now)
            return reply

        reply, attempts = await self._answer("whole", ask)
        if attempts == 1:
            return reply
        served = msgspec.structs.replace(reply.served, attempts=attempts)
        return WholeReply(body=reply.body, served=served, headers=reply.headers)

    async def stream(
        self, body: Mapping[str, Any], *, endpoint: Endpoint = "chat/completions", native: Native | None = None
    ) -> PeekedStream:
        """See `router.upstream.base.Upstream.stream`; returns when the first piece is there."""

        async def ask(attempt: Attempt) -> PeekedStream:
            reply = await attempt.member.upstream.stream(body, endpoint=endpoint, native=native)
            peeked = await PeekedStream.begin(reply, attempt, upstream=self.name, clock=self._clock)
            attempt.heard(self._clock())
            return peeked

        reply, attempts = await self._answer("stream", ask, hedge=self._hedge)
        return reply.answered_at(attempts)

    async def start(self) -> None:
        """Start every member."""
        for member in self.members:
            await member.upstream.start()

    async def aclose(self) -> None:
        """Let go of every member."""
        for member in self.members:
            await member.upstream.aclose()

    @property
    def _first(self) -> Upstream:
        return self.members[0].upstream

    async def _answer(
        self,
        shape: Shape,
        ask: Ask[T],
        *,
        hedge: Callable[[Attempt, Ask[T], list[Member]], Awaitable[T]] | None = None,
    ) -> tuple[T, int]:
        """Ask one member after the other until one answers; returns at which attempt that was.

        Raises:
            UpstreamError: nobody did. It is the first failure; its ``attempts`` say how many there were.
        """
        self._budget.earn()
        tried: list[Member] = []
        first: UpstreamError | None = None
        began = self._clock()
        while True:
            member = self._choose(shape, tried)
            if member is None:
                raise self._first_failure(first or self._nobody(), len(tried))
            attempt = Attempt(member, shape, self._clock(), self._traced(member, shape))
            tried.append(member)
            try:
                if hedge is not None and self._hedge_after_s(member) is not None:
                    reply = await hedge(attempt, ask, tried)
                else:
                    reply = await self._ask(attempt, ask)
            except UpstreamError as error:
                first = first or error
                wait_s = self._wait_before_next(error, member, tried, began)
            else:
                return reply, len(tried)
            if wait_s is None:
                raise self._first_failure(first, len(tried))
            if wait_s:
                await asyncio.sleep(wait_s)

    async def _ask(self, attempt: Attempt, ask: Ask[T]) -> T:
        try:
            with attempt.trace:
                return await ask(attempt)
        except UpstreamError as error:
            attempt.failed(error, self._clock())
            raise
        except BaseException:
            attempt.abandoned(self._clock())
            raise

    async def _hedge(self, attempt: Attempt, ask: Ask[PeekedStream], tried: list[Member]) -> PeekedStream:
        """Ask, and ask another one too where the first piece is slow to come."""

        def second() -> Coroutine[Any, Any, PeekedStream] | None:
            now = self._clock()
            others = [member for member in self.members if member not in tried and member.usable(now)]
            if not others or not self._budget.spend(now):
                return None
            tried.append(choose(others, "stream", self._chance))
            return self._ask(Attempt(tried[-1], "stream", now, self._traced(tried[-1], "stream", hedge=True)), ask)

        after_s = self._hedge_after_s(attempt.member)
        return await hedged(
            self._ask(attempt, ask),
            after_s=after_s or 0.0,
            second=second,
            won=lambda won: self.hedges.update(["won" if won else "lost"]),
        )

    def _traced(self, member: Member, shape: Shape, *, hedge: bool = False) -> AttemptTrace:
        return TRACE.get().attempt(
            member.upstream, route=self.name, deployment=member.label, streams=shape == "stream", hedge=hedge
        )

    def _hedge_after_s(self, member: Member) -> float | None:
        return self._resilience.hedge_after_s if member.hedge_after_s is None else member.hedge_after_s

    def _choose(self, shape: Shape, tried: Sequence[Member]) -> Member | None:
        """Who is asked next: somebody who has not failed this request yet, where there is one."""
        now = self._clock()
        usable = [member for member in self.members if member.usable(now)]
        if len(usable) > 1:
            usable = _prefer(usable, lambda member: member not in tried)
            usable = _prefer(usable, lambda member: member.upstream.state != "starting")
        return choose(usable, shape, self._chance) if usable else None

    def _wait_before_next(
        self, error: UpstreamError, member: Member, tried: Sequence[Member], began: float
    ) -> float | None:
        """Seconds to wait before the next attempt; None where there is to be none."""
        fault, now = fault_of(error), self._clock()
        if not fault.elsewhere or len(tried) > self._resilience.retries or now - began >= self._resilience.total_s:
            return None
        fresh = any(other.usable(now) for other in self.members if other not in tried)
        if fresh:
            wait_s = 0.0
        else:
            # Whoever failed may be asked again, where the failure was of that kind and nobody asks for a longer wait.
            candidates = self.members if fault.again else [other for other in self.members if other is not member]
            asked_s = min((other.wait_s(now) for other in candidates), default=None)
            if asked_s is None or asked_s > waiting.LONGEST_BACKOFF_S:
                return None
            wait_s = asked_s + waiting.backoff_s(len(tried) + 1, self._chance)
        if not self._budget.spend(now):
            self.retries["denied"] += 1
            return None
        self.retries["made"] += 1
        return wait_s

    def _first_failure(self, error: UpstreamError, attempts: int) -> UpstreamError:
        """The failure that the caller is told, with the shortest wait after which somebody can be asked."""
        error.attempts = attempts
        if isinstance(error, UpstreamRefused) and error.status in {429, 503}:
            now = self._clock()
            wait_s = min(member.wait_s(now) for member in self.members)
            if wait_s > 0 or error.status == 429:
                error.retry_after = waiting.header(wait_s)
        return error

    def _nobody(self) -> UpstreamError:
        """Why nobody can be asked."""
        now = self._clock()
        soonest = min(self.members, key=lambda member: member.wait_s(now))
        wait = waiting.header(soonest.wait_s(now))
        because = soonest.rest_because if soonest.resting(now) else None
        if isinstance(because, UpstreamRefused):
            message = f"The {self.name} upstream takes no more requests for now; try again in {wait} s."
            return UpstreamRefused(message, upstream=self.name, status=because.upstream_status, retry_after=wait)
        if because is not None and because.code == KEY_REJECTED:
            return UpstreamError(because.message, upstream=self.name, code=KEY_REJECTED)
        if soonest.slots.full:
            message = f"The {self.name} upstream answers as many requests as it may (max_concurrent); try again soon."
        else:
            message = f"The {self.name} upstream has failed repeatedly and is not asked for now; try again in {wait} s."
        return UpstreamUnavailable(message, upstream=self.name, retry_after=wait)


def _prefer(members: list[Member], wanted: Callable[[Member], bool]) -> list[Member]:
    return [member for member in members if wanted(member)] or members


def models_of(upstream: Upstream) -> list[tuple[str | None, str]]:
    """Every model that an upstream may answer with, by provider and id: a pool's members may differ."""
    members = [member.upstream for member in upstream.members] if isinstance(upstream, Pool) else [upstream]
    return list(dict.fromkeys((member.provider, member.model) for member in members))


def runs_here(upstream: Upstream) -> bool:
    """Whether a model of it runs on this machine: the embedded one, or one behind a loopback address."""
    members = [member.upstream for member in upstream.members] if isinstance(upstream, Pool) else [upstream]
    return any(member.provider == LOCAL and is_loopback(member.address) for member in members)
