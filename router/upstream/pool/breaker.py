"""A circuit breaker: whether a deployment that has failed may be asked, and by how many.

Three libraries were weighed (CPU per call measured on one core, Python 3.11, a bare coroutine call being 0.1 µs):
purgatory 3.0 (asyncio, typed, maintained; 1.4 µs), aiobreaker 1.2 (asyncio, no release since 2021; 1.2 µs) and
pybreaker 1.4 (threads; 1.4 µs). Their cost would do. None was taken, since all three count failures in a row only and
know no rate over a window, purgatory lets every caller through while half-open, and all wrap a call: none answers "may
it be asked?" without asking, which is the question of a balancer that chooses among several.
"""

from __future__ import annotations

import math
import random
from typing import Literal

BreakerState = Literal["closed", "open", "half-open"]

WINDOW_S = 15.0
"""The failure rate is over the last 15 to 30 seconds: two windows of this length, the older one whole."""

FEWEST_CALLS = 20
"""No rate is judged over fewer calls in both windows together."""

LONGEST_OPEN_S = 60.0

KNOWS_BETTER_S = 2.0
"""Seconds after a good answer for which nobody else is believed that a deployment fails."""


class Breaker:
    """Opens after failures; lets single probes through after a while; closes when one succeeds.

    Not for several threads. Times are seconds of one monotonic clock, handed in by the caller.

    Args:
        failures: so many in a row open it. Calls that began before the last success do not count for this: of many that
            hang and end together, most may have been overtaken by good answers.
        failure_rate: so does this share of the calls in the window, above 0 and up to 1.
        open_s: seconds until the first probe; doubled with every probe that fails, up to a minute, and spread by a
            tenth so that servers do not probe in step.
        chance: where the spread comes from.
    """

    __slots__ = ("_chance", "_failure_rate", "_failures", "_in_a_row", "_open_s", "_opened", "_probing", "_succeeded",
                 "_until",
                 "_window_ends", "_windows")  # fmt: skip

    def __init__(self, *, failures: int, failure_rate: float, open_s: float, chance: random.Random) -> None:
        self._failures = failures
        self._failure_rate = failure_rate
        self._open_s = open_s
        self._chance = chance
        self._in_a_row = 0
        self._opened = 0  # times in a row without a success between; 0 is closed
        self._until = 0.0
        self._probing = False
        self._succeeded = -math.inf
        self._window_ends = 0.0
        self._windows = [0, 0, 0, 0]  # calls and failures: of this window, of the one before

    def state(self, now: float) -> BreakerState:
        """As people see it."""
        if not self._opened:
            return "closed"
        return "half-open" if now >= self._until else "open"

    def allows(self, now: float) -> bool:
        """Whether one more call may be made now."""
        return not self._opened or (now >= self._until and not self._probing)

    def wait_s(self, now: float) -> float:
        """Seconds until a probe may be made; 0 while closed."""
        return max(0.0, self._until - now) if self._opened else 0.0

    def begin(self) -> bool:
        """A call that is allowed begins; returns whether it is a probe, to be handed back with its end."""
        self._probing = bool(self._opened)
        return self._probing

    def succeeded(self, now: float, *, probe: bool) -> None:
        """A call got its answer. Of calls that began before it opened, nothing is learnt."""
        if self._opened and not probe:
            return
        self._in_a_row = 0
        self._succeeded = now
        self._count(now, failed=False)
        if probe:
            self._opened, self._probing = 0, False
            self._windows = [0, 0, 0, 0]

    def failed(self, now: float, *, began: float, probe: bool) -> bool:
        """A call that had begun at that time failed; returns whether this opened it."""
        if self._opened and not probe:
            return False
        self._probing = False
        self._in_a_row += began >= self._succeeded
        self._count(now, failed=True)
        if not (probe or self._in_a_row >= self._failures or self._rate_reached()):
            return False
        self._opened += 1
        open_s = min(self._open_s * 2.0 ** min(self._opened - 1, 16), LONGEST_OPEN_S)
        self._until = now + open_s * self._chance.uniform(0.9, 1.1)
        return True

    def abandoned(self, *, probe: bool) -> None:
        """A call ended without a verdict: another may probe."""
        if probe:
            self._probing = False

    def heed_opened(self, now: float, until: float) -> None:
        """Another server's breaker has opened, until that time."""
        if not self._opened and now - self._succeeded > KNOWS_BETTER_S:
            self._opened = 1
            self._until = min(until, now + LONGEST_OPEN_S)

    def heed_closed(self, now: float) -> None:
        """Another server got an answer: a probe may be made at once."""
        self._until = min(self._until, now)

    def _count(self, now: float, *, failed: bool) -> None:
        if now >= self._window_ends:
            recent = now < self._window_ends + WINDOW_S
            self._windows = [0, 0, *(self._windows[:2] if recent else (0, 0))]
            self._window_ends = now + WINDOW_S
        self._windows[0] += 1
        self._windows[1] += failed

    def _rate_reached(self) -> bool:
        calls, failures, calls_before, failures_before = self._windows
        calls += calls_before
        return calls >= FEWEST_CALLS and failures + failures_before >= self._failure_rate * calls
