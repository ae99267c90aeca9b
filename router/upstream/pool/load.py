"""How busy and how slow a deployment is: what the balancer compares."""

from __future__ import annotations

import math

TAU_S = 10.0
"""Seconds over which what was observed fades to a third."""


class PeakEwma:
    """A moving average of latencies that believes bad news at once and good news slowly (as in Finagle's balancer)."""

    __slots__ = ("_at", "value")

    def __init__(self) -> None:
        self.value: float | None = None
        self._at = 0.0

    def observe(self, seconds: float, now: float) -> None:
        """Take a latency in."""
        if self.value is None or seconds > self.value:
            self.value = seconds
        else:
            kept = math.exp((self._at - now) / TAU_S)
            self.value = self.value * kept + seconds * (1.0 - kept)
        self._at = now


class Health:
    """The share of calls that succeed, fading likewise; without it whoever fails fastest would look best."""

    __slots__ = ("value",)

    STEP = 0.1

    def __init__(self) -> None:
        self.value = 1.0

    def observe(self, *, ok: bool) -> None:
        """Take an outcome in. It never falls so low that nobody would find out of a recovery."""
        self.value = max(0.05, self.value + self.STEP * (float(ok) - self.value))
