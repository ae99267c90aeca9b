"""Answers that take long to make are made one at a time, so that whoever asks for many holds up no requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from router.errors import TooManyRequests

MOST_WAITING = 8


class Turns:
    """Lets one be at work, and a few wait for it. For one event loop.

    Args:
        most: who may be at work or wait, all together.
    """

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most = most
        self._held = 0
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def turn(self, *, may_be_turned_away: bool) -> AsyncIterator[None]:
        """One's turn is there for as long as the block lasts.

        Raises:
            TooManyRequests: too many wait already, and one may be turned away.
        """
        if may_be_turned_away and self._held >= self._most:
            raise TooManyRequests(f"{self._most} ask for the same already, and it takes a while; try again soon.")
        self._held += 1
        try:
            async with self._lock:
                yield
        finally:
            self._held -= 1
