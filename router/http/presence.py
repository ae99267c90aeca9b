"""Whether the caller is still there: who leaves takes along what is being done for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType

from litestar.types import Receive, Scope

from router.http.body import ClientLeft

LEAVING = "underdog_leaving"
"""Where a connection scope's state holds the set of functions to call once the caller is gone, if the server does that.
Another server is asked by a task of its own, which costs more."""


class CallerPresent:
    """Cancels what runs in its block as soon as the caller is gone.

    Args:
        scope: of the request, whose body has been read.
        receive: of the request.
        is_complete: whether everything has been sent, so that nobody need mind.

    Raises:
        ClientLeft: the caller left first.
    """

    def __init__(self, scope: Scope, receive: Receive, is_complete: Callable[[], bool]) -> None:
        self._receive = receive
        self._is_complete = is_complete
        self._leaving: set[Callable[[], None]] | None = scope["state"].get(LEAVING)
        self._answering: asyncio.Task[object] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._left = False

    def __enter__(self) -> None:
        self._answering = asyncio.current_task()
        if self._leaving is None:
            self._watching = asyncio.create_task(self._watch())
        else:
            self._leaving.add(self._leave)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._leaving is not None:
            self._leaving.discard(self._leave)
        if self._watching is not None:
            self._watching.cancel()
        # As in asyncio.timeout: a cancellation that others ask for as well is theirs.
        cancelled = kind is asyncio.CancelledError and self._left
        if cancelled and self._answering is not None and not self._answering.uncancel():
            raise ClientLeft from None

    def _leave(self) -> None:
        if self._answering is not None and not self._is_complete():
            self._left = True
            self._answering.cancel()

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._leave()
