"""What this server tells the others, in order, and again where Redis was away meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from router.errors import SharedStateAway
from router.shared.link import Argument
from router.shared.redis_link import RedisLink

MOST_WAITING = 10_000
MOST_WAITING_BYTES = 16 * 2**20
"""What waits for Redis to come back; beyond it the oldest goes, what must be told last of all."""

AT_ONCE = 64
AT_ONCE_BYTES = 2**20
SAID_AGAIN_S = 60.0
MOST_SAID = 1_000
"""What must be told, and was not long before Redis came back, is told again: it may have been lost with it."""

MOST_TRIES = 3
"""Attempts at a step that an otherwise willing Redis refuses."""


_AWAY = SharedStateAway("it was not asked")


class _Step(NamedTuple):
    script: str
    keys: Sequence[str]
    arguments: Sequence[Argument]
    size: int
    must: bool
    tries: int


class Outbox:
    """Steps that go out one after another, off the request's path. Any thread may add to it once it is started.

    Args:
        link: to Redis.
    """

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._waiting: deque[_Step] = deque()
        self._size = 0
        self._lock = threading.Lock()
        self._something_waits = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._sending: asyncio.Task[None] | None = None
        self.sent = 0
        self.dropped = 0
        self._said: deque[tuple[float, _Step]] = deque(maxlen=MOST_SAID)
        link.on_return(self._begin_again)

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, script: str, keys: Sequence[str], arguments: Sequence[Argument], *, must: bool = False) -> None:
        """Run a script soon. Never blocks and never raises.

        Args:
            script: to run.
            keys: their names.
            arguments: of the script.
            must: whether it is told to the others in any case, such as that an answer was wrong.
        """
        size = sum(len(argument) for argument in arguments if isinstance(argument, bytes | str))
        with self._lock:
            self._waiting.append(_Step(script, keys, arguments, size, must, 0))
            self._size += size
            while len(self._waiting) > MOST_WAITING or self._size > MOST_WAITING_BYTES:
                self._drop_one()
        self._wake()

    def start(self) -> None:
        """Begin to send."""
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._sending = asyncio.create_task(self._send(), name="the outbox")

    async def aclose(self, within_s: float) -> None:
        """Send what waits, as far as it goes in so many seconds, and end. May be called twice."""
        if self._sending is None:
            return
        self._sending.cancel()
        await asyncio.wait([self._sending])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self._link.up and (steps := self._next()) and await self._sent(steps):
                    pass

    def _wake(self) -> None:
        if self._loop is None:
            return
        if threading.get_ident() == self._thread:
            self._something_waits.set()
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._something_waits.set)

    def _begin_again(self) -> None:
        since = time.monotonic() - SAID_AGAIN_S
        again = [step for said, step in self._said if said >= since]
        self._said.clear()
        with self._lock:
            self._waiting.extendleft(reversed(again))
            self._size += sum(step.size for step in again)
        self._something_waits.set()

    def _drop_one(self) -> None:
        index = next((index for index, step in enumerate(self._waiting) if not step.must), 0)
        self._size -= self._waiting[index].size
        del self._waiting[index]
        self.dropped += 1

    async def _send(self) -> None:
        self._something_waits.set()
        while True:
            await self._something_waits.wait()
            self._something_waits.clear()
            while self._link.up and (steps := self._next()):
                if not await self._sent(steps):
                    break

    def _next(self) -> list[_Step]:
        steps: list[_Step] = []
        size = 0
        with self._lock:
            while self._waiting and len(steps) < AT_ONCE and size < AT_ONCE_BYTES:
                steps.append(self._waiting.popleft())
                size += steps[-1].size
            self._size -= size
        return steps

    async def _sent(self, steps: list[_Step]) -> bool:
        """Whether all of them were heard; those that were not wait again, before all others."""
        try:
            replies = [self._link.begin(step.script, step.keys, step.arguments) for step in steps]
        except SharedStateAway:
            replies = []
        if replies:
            await asyncio.wait(replies)
        unheard = []
        for step, reply in itertools.zip_longest(steps, replies):
            error = _AWAY if reply is None else reply.exception()
            if error is None:
                self.sent += 1
                if step.must:
                    self._said.append((time.monotonic(), step))
                continue
            tried = step._replace(tries=step.tries + self._link.up)
            if isinstance(error, SharedStateAway) and tried.tries < MOST_TRIES:
                unheard.append(tried)
            else:
                self.dropped += 1
        with self._lock:
            self._waiting.extendleft(reversed(unheard))
            self._size += sum(step.size for step in unheard)
        return not unheard
