"""``GET /console/api/live``: how the server fares, as server-sent events, for as long as somebody looks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.types import ASGIApp, Receive, Scope, Send

from router.errors import ApiError
from router.http.body import ClientLeft
from router.http.console.access import watcher
from router.http.console.feed import Feed
from router.http.exchange import ABORT, EVENT_STREAM
from router.http.presence import CallerPresent
from router.http.services import Services
from router.http.unkept import UNKEPT

LAST_WORDS_S = 1.0
"""How long a watcher may take to read what was told last, before the connection is dropped."""


@get("/console/api/live", include_in_schema=False)
async def console_live(
    request: Request[Any, Any, Any], services: NamedDependency[Services], feed: NamedDependency[Feed]
) -> ASGIApp:
    """For whoever may look: a ``snapshot`` and the newest ``requests`` at once, then what changes, once a second."""
    principal = watcher(services, request.headers)
    return LiveStream(feed, lambda: _may_look(services, request.headers), comes_first=principal.admin)


def _may_look(services: Services, headers: Mapping[str, str]) -> bool:
    try:
        watcher(services, headers)
    except ApiError:
        return False
    return True


class LiveStream:
    """One watcher's stream.

    It ends when the watcher leaves, takes no more of it, may not look any more, or the server is told to stop; its
    connection ends with it, so that nothing of it holds the server up.

    Args:
        feed: what is told.
        may_look: whether the watcher still may: keys change while a stream lasts.
        comes_first: whether others make room for the watcher, so that callers cannot keep out who runs the server.
    """

    def __init__(self, feed: Feed, may_look: Callable[[], bool], *, comes_first: bool = False) -> None:
        self._feed = feed
        self._comes_first = comes_first
        self._may_look = may_look

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tell until the end.

        Raises:
            TooManyRequests, ShuttingDown: see ``Feed.watch``; nothing has been sent by then.
        """
        drop = scope["state"].get(ABORT, _nothing)
        # The connection of who left is gone, and there is nothing to settle.
        present = CallerPresent(scope, receive, lambda: False)
        with contextlib.suppress(ClientLeft), self._feed.watch(drop, comes_first=self._comes_first) as told, present:
            await send({"type": "http.response.start", "status": 200, "headers": _headers()})
            await self._feed.begin(told)
            async for event in told.events():
                if not self._may_look():
                    break
                await send({"type": "http.response.body", "body": event, "more_body": True})
            asyncio.get_running_loop().call_later(LAST_WORDS_S, drop)
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def _headers() -> list[tuple[bytes, bytes]]:
    # x-accel-buffering keeps nginx from collecting the events.
    fixed = {"content-type": EVENT_STREAM, "x-accel-buffering": "no", "connection": "close", **UNKEPT}
    return [(name.encode(), value.encode()) for name, value in fixed.items()]


def _nothing() -> None:
    """Stands in where the server cannot drop a connection."""
