"""Which entries have outlived their time, found without looking at those that have not."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

SLACK = 64
"""Outdated items that the heap may hold beyond as many as there are entries, before it is built anew."""


class Expiries:
    """Times of expiry by key, each call O(log n) at most over many calls."""

    def __init__(self) -> None:
        self._times: dict[bytes, float] = {}
        self._heap: list[tuple[float, bytes]] = []

    def add(self, key: bytes, expires_at: float) -> None:
        """Note when a key expires, in place of what was noted."""
        self._times[key] = expires_at
        heapq.heappush(self._heap, (expires_at, key))

    def remove(self, key: bytes) -> None:
        """Forget a key."""
        del self._times[key]
        if len(self._heap) > 2 * len(self._times) + SLACK:
            self._heap = [(expires_at, name) for name, expires_at in self._times.items()]
            heapq.heapify(self._heap)

    def due(self, now: float) -> Iterator[bytes]:
        """Every key whose time is up. Each must be removed before the next is asked for."""
        while self._heap and self._heap[0][0] <= now:
            expires_at, key = heapq.heappop(self._heap)
            if self._times.get(key) == expires_at:
                yield key
