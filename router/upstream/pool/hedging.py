"""A second request where the first piece of a stream is slow to come: the faster one answers, the other is let go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from router.upstream.pool.peeked import PeekedStream

Asking = Coroutine[Any, Any, PeekedStream]
Asked = asyncio.Task[PeekedStream]


async def hedged(
    first: Asking, *, after_s: float, second: Callable[[], Asking | None], won: Callable[[bool], None]
) -> PeekedStream:
    """Wait for a first piece, and after a while for either of two.

    Args:
        first: asks the member that was chosen.
        after_s: seconds to wait before another one is asked.
        second: asks another one; None where there is none to ask.
        won: told, where two were asked, whether the second one answered.

    Raises:
        UpstreamError: nobody answered; the failure of whoever was asked first.
    """
    tasks = [asyncio.create_task(first)]
    winner: Asked | None = None
    try:
        await asyncio.wait(tasks, timeout=after_s)
        if not tasks[0].done() and (another := second()) is not None:
            tasks.append(asyncio.create_task(another))
        winner = await _first_to_answer(tasks)
        if len(tasks) > 1:
            won(winner is tasks[1])
        return (winner or tasks[0]).result()
    finally:
        for task in tasks:
            if task is not winner:
                _let_go(task)


async def _first_to_answer(tasks: list[Asked]) -> Asked | None:
    """The task that answered first; None where all fail."""
    pending = set(tasks)
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task in done and _has_answered(task):
                return task
    return None


def _has_answered(task: Asked) -> bool:
    return not task.cancelled() and task.exception() is None


def _let_go(task: Asked) -> None:
    """Cancel a request, and close what it brings all the same. Waits for nothing: the caller may be leaving, too."""
    task.cancel()
    task.add_done_callback(_dispose)


_closing: set[asyncio.Task[None]] = set()
"""Streams that came too late, while they close: an event loop alone would forget them."""


def _dispose(task: Asked) -> None:
    if _has_answered(task):
        closing = asyncio.create_task(task.result().aclose())
        _closing.add(closing)
        closing.add_done_callback(_closing.discard)
