"""Where rewordings are judged, and how long a request waits for it: a burst goes past the cache, not after it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

VERIFIER_THREADS = max(1, min(4, (os.cpu_count() or 1) - 1))
"""Threads that verify: one processor is left to the event loop."""

MOST_UNDER_WAY = 8 * VERIFIER_THREADS
"""Lookups that may be judged or wait for it at a time: beyond them a model is asked at once.

Most verdicts take a millisecond or two, the dearest 20 and more: eight are a wait that pays for a hit."""

TURN_PATIENCE_S = 0.25
"""Seconds that a request waits for its turn."""

VERDICT_PATIENCE_S = 2.0
"""Seconds that it waits once its turn has come; who takes a cached answer or none waits as long for the turn itself."""


SHARE_ON_LOOP, MOST_ON_LOOP_S = 0.5, 0.02
"""Share of an event loop's time that may be spent on sifting where it happens, and how much of it at one go.

Sixteen callers who are all served what is certain take less than half: with a fifth of it, threads turned 6 % away."""


class VerifierBusy(Exception):
    """Others are judged for as long as a request can wait."""


def one_blas_thread() -> bool:
    """Whether products of matrices stay in the thread that asks, as in every command of ours.

    Shared out among threads that spin, the small ones that sifting is made of take twenty times as long.
    """
    return os.environ.get("OPENBLAS_NUM_THREADS") == "1"


class LoopTime:
    """How much of an event loop's time is left for what else would wait for a thread. For one event loop.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._left_s = MOST_ON_LOOP_S
        self._at = clock()

    @property
    def is_left(self) -> bool:
        """Whether there is any: in a burst it is soon gone, and threads take over, which turn away what is too much."""
        now = self._clock()
        self._left_s = min(MOST_ON_LOOP_S, self._left_s + SHARE_ON_LOOP * (now - self._at))
        self._at = now
        return self._left_s > 0

    @contextmanager
    def spent(self) -> Iterator[None]:
        """What happens within is counted."""
        began = self._clock()
        try:
            yield
        finally:
            self._left_s -= self._clock() - began


class Verifying:
    """Runs lookups in threads of its own. For one event loop."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(VERIFIER_THREADS, thread_name_prefix="cache-verifier")
        self._under_way: set[Future[Any]] = set()
        self.loop_time = LoopTime()

    async def run(self, work: Callable[[], T], *, patient: bool) -> T:
        """What ``work`` gives; where its turn has not come by the end of this call, it never comes.

        Args:
            work: judges candidates; runs in a thread.
            patient: whether there is nothing to do but to wait.

        Raises:
            VerifierBusy: its turn did not come.
            TimeoutError: it began, and took too long.
        """
        if not patient and len(self._under_way) >= MOST_UNDER_WAY:
            raise VerifierBusy
        job = self._threads.submit(work)
        self._under_way.add(job)
        job.add_done_callback(self._under_way.discard)
        judged = asyncio.wrap_future(job)
        try:
            await asyncio.wait({judged}, timeout=VERDICT_PATIENCE_S if patient else TURN_PATIENCE_S)
            if judged.done():
                return judged.result()
            if job.cancel():
                raise VerifierBusy
            async with asyncio.timeout(VERDICT_PATIENCE_S):
                return await judged
        finally:
            judged.cancel()
