"""One deployment with one key, as the balancer sees it: how it fares, and whether it may be asked."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from router.errors import UpstreamError, UpstreamRefused
from router.tracing import NO_ATTEMPT, AttemptTrace
from router.upstream.base import State, Upstream
from router.upstream.faults import Fault, Kind, fault_of
from router.upstream.pool import waiting
from router.upstream.pool.breaker import Breaker, BreakerState
from router.upstream.pool.load import Health, PeakEwma
from router.upstream.pool.reach import listens

logger = logging.getLogger("underdog.upstream")

Shape = Literal["whole", "stream"]
"""What is timed: a whole answer, or the first piece of a stream. The two are never compared."""

Watcher = Callable[[Literal["opened", "closed", "rests"], float, int], None]
"""Hears that a breaker opened or closed, or that a deployment is left out; until when, and for which HTTP status."""


def _nobody(event: Literal["opened", "closed", "rests"], until: float, status: int) -> None:
    """Nobody hears of it."""


FIRST_REST_S: dict[Kind, float] = {"rate-limited": waiting.FIRST_COOLDOWN_S, "out-of-quota": 60.0, "key-rejected": 30.0}
"""Seconds that a deployment is left out after the first failure of a kind; they double with each that follows."""

LONGEST_REST_S = 900.0


class Slots:
    """How many requests a deployment may answer at once; the members for its several keys share them."""

    __slots__ = ("held", "most")

    def __init__(self, most: int | None) -> None:
        self.most = most
        self.held = 0

    @property
    def full(self) -> bool:
        """Whether one more is too many."""
        return self.most is not None and self.held >= self.most


class Condition(Struct, frozen=True, kw_only=True):
    """A member as people see it: never its URL or key.

    ``resting_s``: seconds that it is still left out, after a 429 or a rejected key.
    """

    deployment: str
    model: str
    state: State
    breaker: BreakerState
    in_flight: int
    resting_s: float


class Member:
    """One upstream of a pool.

    Args:
        upstream: what asks it.
        label: its name in logs and metrics, unique in the pool.
        weight: its share beside the others.
        breaker: see `Breaker`.
        slots: its limit on requests at once.
        hedge_after_s: seconds without a first piece after which another is asked too; None for never.
    """

    def __init__(
        self,
        upstream: Upstream,
        *,
        label: str,
        breaker: Breaker,
        weight: float = 1.0,
        slots: Slots | None = None,
        hedge_after_s: float | None = None,
    ) -> None:
        self.upstream = upstream
        self.label = label
        self.weight = weight
        self.breaker = breaker
        self.slots = slots or Slots(None)
        self.hedge_after_s = hedge_after_s
        self.in_flight = 0
        self.latency: dict[Shape, PeakEwma] = {"whole": PeakEwma(), "stream": PeakEwma()}
        self.health = Health()
        self.requests = 0
        self.failures: Counter[Kind] = Counter()
        self.rest_because: UpstreamError | None = None
        self._rest_until = 0.0
        self._strikes = 0
        self._tell: Watcher = _nobody

    def watch(self, watcher: Watcher) -> None:
        """Let somebody hear what happens to it."""
        self._tell = watcher

    def usable(self, now: float) -> bool:
        """Whether it may be asked now."""
        return now >= self._rest_until and self.breaker.allows(now) and not self.slots.full

    def wait_s(self, now: float) -> float:
        """Seconds until it may be asked again; 0 where only its own requests under way hold it back."""
        return max(0.0, self._rest_until - now, self.breaker.wait_s(now))

    def resting(self, now: float) -> bool:
        """Whether it was told to wait, or had its key rejected."""
        return now < self._rest_until

    def condition(self, now: float) -> Condition:
        """How it fares."""
        return Condition(
            deployment=self.label,
            model=self.upstream.model,
            state=self.upstream.state,
            breaker=self.breaker.state(now),
            in_flight=self.in_flight,
            resting_s=round(max(0.0, self._rest_until - now), 1),
        )

    async def reachable(self, now: float) -> bool:
        """Whether it may be asked now, and is there as far as can be told without asking."""
        state = self.upstream.state
        if now < self._rest_until or self.breaker.state(now) == "open" or state == "starting":
            return False
        return state == "ready" or await listens(self.upstream.address)

    def succeeded(self) -> None:
        """It answered: whatever kept it out is over."""
        self._strikes = 0
        self.health.observe(ok=True)

    def failed(self, error: UpstreamError, now: float, *, began: float, probe: bool) -> None:
        """It did not answer: note why, and what follows."""
        fault = fault_of(error)
        self.failures[fault.kind] += 1
        if fault.sick:
            self.health.observe(ok=False)
            if self.breaker.failed(now, began=began, probe=probe):
                wait = self.breaker.wait_s(now)
                self._tell("opened", now + wait, 0)
                logger.warning("deployment %s: %s; it is asked again in %.1f s", self.label, fault.kind, wait)
        elif fault.kind in {"not-ready", "unavailable"}:
            self.breaker.abandoned(probe=probe)
        else:
            # Whatever it said, it is there and says it.
            self.breaker.succeeded(now, probe=probe)
        self._rest(error, fault, now)

    def answers_again(self, now: float) -> None:
        """A probe was answered."""
        self._tell("closed", now, 0)
        logger.info("deployment %s: it answers again", self.label)

    def heed_rest(self, now: float, until: float, status: int) -> None:
        """Another server was told to leave it alone until that time."""
        if until > self._rest_until:
            self._rest_until = min(until, now + waiting.LONGEST_COOLDOWN_S)
            message = "Another server was told to wait."
            self.rest_because = UpstreamRefused(message, upstream=self.label, status=status)

    def _rest(self, error: UpstreamError, fault: Fault, now: float) -> None:
        asked = waiting.asked_wait_s(error.retry_after) if isinstance(error, UpstreamRefused) else None
        first = FIRST_REST_S.get(fault.kind)
        if first is None:
            # Who is overloaded may say for how long.
            if fault.kind == "overloaded" and asked:
                self._leave_out(now + min(asked, waiting.LONGEST_COOLDOWN_S), error)
            return
        if now >= self._rest_until:  # of failures that were under way together, only the first one is a strike
            self._strikes += 1
        if fault.kind == "rate-limited":
            own = waiting.growing_s(first, self._strikes, waiting.LONGEST_BACKOFF_S * 15)
            rest = min(own if asked is None else asked, waiting.LONGEST_COOLDOWN_S)
        else:
            rest = waiting.growing_s(first, self._strikes, LONGEST_REST_S)
            if not self.resting(now):
                # Sentences of ours, or a code; the upstream's own may quote a prompt.
                said = error.message if fault.kind == "key-rejected" else fault.kind
                logger.warning("deployment %s: %s It is left out for %.0f s.", self.label, said, rest)
        self._leave_out(max(self._rest_until, now + rest), error)

    def _leave_out(self, until: float, error: UpstreamError) -> None:
        self._rest_until = until
        self.rest_because = error
        # A rejected key is no refusal: another server may have another one, and finds out by itself.
        if isinstance(error, UpstreamRefused):
            self._tell("rests", until, error.upstream_status)


class Attempt:
    """One request at one member, from its first byte to its last; holds the member's slot meanwhile."""

    __slots__ = ("_began", "_ended", "_probe", "_shape", "member", "trace")

    def __init__(self, member: Member, shape: Shape, now: float, trace: AttemptTrace = NO_ATTEMPT) -> None:
        self.member = member
        self.trace = trace
        self._shape = shape
        self._began = now
        self._probe = member.breaker.begin()
        self._ended = False
        member.requests += 1
        member.in_flight += 1
        member.slots.held += 1

    def heard(self, now: float) -> None:
        """The whole answer is there, or the first piece of a stream. A probe has told what it was sent to find out."""
        self.trace.heard()
        self.member.latency[self._shape].observe(now - self._began, now)
        if self._probe:
            self.member.breaker.succeeded(now, probe=True)
            self._probe = False
            self.member.answers_again(now)

    def succeeded(self, now: float) -> None:
        """The answer is complete."""
        if self._end():
            self.trace.ended()
            self.member.breaker.succeeded(now, probe=self._probe)
            self.member.succeeded()

    def failed(self, error: UpstreamError, now: float) -> None:
        """There is no answer, or only a part of one."""
        if self._end():
            self.trace.ended(_kind_of(error))
            self.member.failed(error, now, began=self._began, probe=self._probe)

    def abandoned(self, now: float) -> None:
        """Nobody waits for the first piece any more. That it took longer than others is known all the same."""
        if self._end():
            self.trace.abandoned()
            self.member.breaker.abandoned(probe=self._probe)
            latency, waited = self.member.latency[self._shape], now - self._began
            if latency.value is not None and waited > latency.value:
                latency.observe(waited, now)

    def _end(self) -> bool:
        if self._ended:
            return False
        self._ended = True
        self.member.in_flight -= 1
        self.member.slots.held -= 1
        return True


def _kind_of(error: UpstreamError) -> str:
    """An error's type, as traces tell it: the status that an upstream refused with, or a code of ours."""
    if isinstance(error, UpstreamRefused):
        return str(error.upstream_status)
    return error.code or error.type
