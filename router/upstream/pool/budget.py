"""A budget for whatever is asked twice: an upstream in trouble must not get more requests because it is in trouble."""

from __future__ import annotations

BURST = 100.0
"""Retries that may be saved up: what is in flight when a deployment dies is asked elsewhere all at once."""

FLOOR_PER_S = 1.0
"""Retries that even an idle pool earns: with little traffic a share of it is nothing."""


class RetryBudget:
    """A token bucket: every request earns a share of a retry, every retry costs one.

    Args:
        share: of the requests that may be asked again, 0 and up; 0.2 bounds an outage to 1.2 times the traffic.
    """

    __slots__ = ("_at", "_share", "_tokens")

    def __init__(self, share: float) -> None:
        self._share = share
        self._tokens = BURST if share else 0.0
        self._at: float | None = None

    def earn(self) -> None:
        """A request came."""
        self._tokens = min(self._tokens + self._share, BURST)

    def spend(self, now: float) -> bool:
        """Take one retry, if there is one. ``now``: seconds of a monotonic clock."""
        if not self._share:
            return False
        if self._at is not None:
            self._tokens = min(self._tokens + (now - self._at) * FLOOR_PER_S, BURST)
        self._at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
