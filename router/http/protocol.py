"""HTTP/1.1 at the socket: what is no HTTP gets an OpenAI-shaped error too, and headers have a limit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from router.dialects import CHAT
from router.errors import ApiError, HeadersTooLarge, InvalidRequest
from router.http.corked import Corked
from router.http.errors import JSON
from router.http.exchange import ABORT
from router.http.presence import LEAVING
from router.http.request_id import HEADER, new_request_id

MAX_HEADER_BYTES = 512 * 1024
"""Bytes of one unfinished request line and its headers. Larger than one read of the event loop (256 KiB)."""

HEAD_PATIENCE_S = 60.0
"""Seconds that a connection may take to tell a request's headers to their end, its first one's since it was made."""

UNREAD_PATIENCE_S = 30.0
"""Seconds after which a caller who takes none of a complete answer is dropped, and what is unsent with it."""


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol with our errors, and without its readiness to hold headers of any size.

    One connection; uvicorn makes it and calls it back.
    """

    _in_headers = False
    _header_bytes = 0
    _answering: RequestResponseCycle | None = None
    _watching: asyncio.TimerHandle | None = None
    _head_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A caller has connected."""
        self._corked = Corked(transport)
        self._leaving: set[Callable[[], None]] = set()
        super().connection_made(cast("asyncio.Transport", self._corked))
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless a request's headers have grown too large."""
        super().data_received(data)
        if not self._in_headers:
            return
        if self._head_due is None:
            self._await_head()
        # A read that ends within the headers counts whole: what is held is bounded, not measured.
        self._header_bytes += len(data)
        if self._header_bytes > MAX_HEADER_BYTES:
            self._in_headers = False
            self._refuse(HeadersTooLarge("The request headers are too large."))

    def on_message_begin(self) -> None:
        """A request line begins."""
        super().on_message_begin()
        # ASGI has no word for it: closing waits for what is unsent, which a caller who does not read never takes.
        self.scope["state"][ABORT] = self.transport.abort
        self.scope["state"][LEAVING] = self._leaving
        self._in_headers, self._header_bytes = True, 0

    def on_headers_complete(self) -> None:
        """The headers are complete, the body begins."""
        self._in_headers = False
        self._head_is_there()
        waiting = len(self.pipeline)
        super().on_headers_complete()
        if len(self.pipeline) == waiting:
            self._answering = self.cycle

    def on_message_complete(self) -> None:
        """The body is complete. uvicorn reads no further than a large one: that the caller leaves would go unseen."""
        super().on_message_complete()
        if not self.pipeline:
            self.flow.resume_reading()

    def on_response_complete(self) -> None:
        """A response is written to its end: nothing more belongs to it, and the loop may be about to stop."""
        self._corked.flush()
        self._watch(self.transport.get_write_buffer_size())
        if self.pipeline:
            self._answering = self.pipeline[-1][0]
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller is gone. uvicorn tells the request that came last; of several at once another one is answered."""
        super().connection_lost(exc)
        self._head_is_there()
        if self._watching is not None:
            self._watching.cancel()
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()
        for leave in tuple(self._leaving):
            leave()

    def _await_head(self) -> None:
        self._head_due = self.loop.call_later(HEAD_PATIENCE_S, self._drop_silent)

    def _head_is_there(self) -> None:
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None

    def _drop_silent(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._await_head()  # an answer is under way
        else:
            self.transport.close()

    def _watch(self, unsent: int) -> None:
        """See to it that what is unsent of a complete answer is taken: nothing else waits for that."""
        if unsent and self._watching is None:
            self._watching = self.loop.call_later(UNREAD_PATIENCE_S, self._drop_unless_taken, unsent)

    def _drop_unless_taken(self, unsent: int) -> None:
        self._watching = None
        left = self.transport.get_write_buffer_size()
        if left >= unsent and self.cycle.response_complete:
            self.transport.abort()
        else:
            self._watch(left)

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be parsed."""
        self._in_headers = False
        self._refuse(InvalidRequest(msg, code="invalid_http"))

    def _refuse(self, error: ApiError) -> None:
        name = new_request_id()
        body = CHAT.error(error, name)
        status = HTTPStatus(error.status)
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: {JSON}\r\n"
            f"content-length: {len(body)}\r\n{HEADER}: {name}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)
        self.transport.close()
