"""What is told to everybody who watches: put together once a second for all of them, and only while somebody does."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec

from router.errors import LedgerError, ShuttingDown, TooManyRequests
from router.http.console.lines import line_of
from router.http.console.snapshot import Snapshot, snapshot
from router.http.services import Services
from router.ledger.baseline import lengths_of
from router.ledger.reports import Stats

MOST_WATCHERS = 32
MOST_LINES = 50
"""Requests that are told at once; of more, the newest."""
MOST_BEHIND = 5
"""Events that wait for a watcher; who does not take them is let go of."""

TICK_S = 0.25
"""Seconds until it is noticed that the server is to stop."""
TICKS = 4
"""From one snapshot to the next."""

TOTALS_EVERY_S = 5.0
FIRST_TOTALS_S = 1.0
"""How long the first watcher waits for the ledger's totals at most."""


class Watcher:
    """Who watches: events wait here until they are taken.

    Args:
        drop: called where too many wait.
        comes_first: whether others make room for it where there is none, and it for nobody.
    """

    def __init__(self, drop: Callable[[], None], *, comes_first: bool = False) -> None:
        self._drop = drop
        self.comes_first = comes_first
        self._events: deque[bytes] = deque()
        self._woken = asyncio.Event()
        self._ended = False
        self.has_begun = False
        """Whether it was told what there was when it came."""

    def tell(self, event: bytes) -> None:
        """Let an event wait. Where too many do, the watcher is let go of."""
        self._events.append(event)
        if len(self._events) > MOST_BEHIND:
            self.let_go()
        self._woken.set()

    def let_go(self) -> None:
        """End at once; what waits is lost."""
        self._events.clear()
        self.end()
        self._drop()

    def end(self) -> None:
        """There will be no more."""
        self._ended = True
        self._woken.set()

    async def events(self) -> AsyncIterator[bytes]:
        """Those that wait, and those to come; ends with ``end``."""
        while True:
            while self._events:
                yield self._events.popleft()
            if self._ended:
                return
            await self._woken.wait()
            self._woken.clear()


class Feed:
    """Tells watchers how the server fares. For one event loop.

    Args:
        services: the parts of the server.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._watchers: dict[Watcher, None] = {}  # in the order in which they came
        self._started = time.monotonic()
        self._told = 0  # requests, of ``Recent.count``
        self._last: Snapshot | None = None
        self._stats: Stats | None = None
        self._stats_at = -TOTALS_EVERY_S
        self._reading: asyncio.Task[None] | None = None
        self._telling: asyncio.Task[None] | None = None

    @contextmanager
    def watch(self, drop: Callable[[], None], *, comes_first: bool = False) -> Iterator[Watcher]:
        """Somebody watches for as long as the block lasts.

        Args:
            drop: lets go of a watcher who takes no more.
            comes_first: see `Watcher`.

        Raises:
            TooManyRequests: too many watch already.
            ShuttingDown: the server was told to stop.
        """
        if self._services.gateway.draining:
            raise ShuttingDown("The server was told to stop.")
        if len(self._watchers) >= MOST_WATCHERS:
            self._make_room(comes_first=comes_first)
        watcher = Watcher(drop, comes_first=comes_first)
        self._watchers[watcher] = None
        if self._telling is None:
            self._told, self._last = self._services.gateway.recent.count, None
            self._telling = asyncio.create_task(self._tell())
        try:
            yield watcher
        finally:
            self._watchers.pop(watcher, None)

    def _make_room(self, *, comes_first: bool) -> None:
        """Let go of whoever has watched longest, for one who comes first."""
        leaves = next((each for each in self._watchers if not each.comes_first), None) if comes_first else None
        if leaves is None:
            raise TooManyRequests(f"{MOST_WATCHERS} pages watch this server already; close one of them.")
        del self._watchers[leaves]
        leaves.let_go()

    async def begin(self, watcher: Watcher) -> None:
        """Tell who has only come what there is: the server with its chart, and the newest requests."""
        self._read_totals()
        if self._stats is None and self._reading is not None:
            await asyncio.wait([self._reading], timeout=FIRST_TOTALS_S)
        # From here on without a wait, so that no request is told twice, or never.
        self._tell_requests()
        recent = self._services.gateway.recent
        now = msgspec.structs.replace(self._snapshot(), series=recent.tally.steps())
        watcher.tell(event("snapshot", now))
        watcher.tell(event("requests", [line_of(settled.row) for settled in recent.newest(MOST_LINES)]))
        watcher.has_begun = True

    async def _tell(self) -> None:
        """Tell what is new, until nobody watches any more or the server is to stop."""
        try:
            ticks = 0
            while self._watchers and not self._services.gateway.draining:
                await asyncio.sleep(TICK_S)
                ticks += 1
                if ticks % TICKS == 0:
                    self._tell_state()
                    self._tell_requests()
        finally:
            self._telling = None
            for watcher in self._watchers:
                watcher.end()

    def _tell_state(self) -> None:
        self._read_totals()
        now = self._snapshot()
        if not now.says_the_same(self._last):
            self._last = now
            self._tell_all(event("snapshot", now))

    def _tell_requests(self) -> None:
        recent = self._services.gateway.recent
        if recent.count > self._told:
            new = recent.newest(min(recent.count - self._told, MOST_LINES))
            self._told = recent.count
            self._tell_all(event("requests", [line_of(settled.row) for settled in new]))

    def _tell_all(self, said: bytes) -> None:
        for watcher in tuple(self._watchers):
            if watcher.has_begun:
                watcher.tell(said)

    def _snapshot(self) -> Snapshot:
        uptime_s = time.monotonic() - self._started
        return snapshot(self._services, self._stats, at=datetime.now(UTC), uptime_s=uptime_s)

    def _read_totals(self) -> None:
        """See to it that the totals are read again where they are old; what is there stays meanwhile."""
        if self._reading is None and time.monotonic() - self._stats_at >= TOTALS_EVERY_S:
            self._reading = asyncio.create_task(self._take_totals())

    async def _take_totals(self) -> None:
        lengths = lengths_of(self._services.settings.baseline_lengths)
        try:
            with contextlib.suppress(LedgerError):  # away for a while: the ledger itself says so in the log
                self._stats = await self._services.gateway.ledger.stats(None, lengths)
        finally:
            self._stats_at, self._reading = time.monotonic(), None


def event(name: str, data: Any) -> bytes:
    """A server-sent event. JSON has no line break of its own, so that nothing in it can end the event early."""
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n"
