"""One connection to an upstream: HTTP/1.1 over httptools, one exchange at a time.

What comes in is bounded in every part: headers, trailers and chunk extensions by ``MAX_HEAD_BYTES``, and of a body no
more is held than ``HELD_BYTES`` and one read of the event loop, however slowly it is taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import httptools
import httpx

MAX_HEAD_BYTES = 64 * 1024
"""Bytes of a response's headers, or of anything else beside its body."""

HELD_BYTES = 256 * 1024
"""Bytes of a body that wait to be taken before the connection is read no further."""

Header = tuple[bytes, bytes]


class ConnectionLost(httpx.ReadError):
    """A connection ended before its response did.

    ``answered``: whether any of the response had come. ``stale``: none had, and the connection had been kept since an
    earlier one, so that it may have ended before the request was sent.
    """

    def __init__(self, *, answered: bool, kept: bool) -> None:
        super().__init__("the connection was closed before the response was complete")
        self.answered = answered
        self.stale = kept and not answered


class Exchange(httpx.AsyncByteStream):
    """One request and its response, the body as a stream of pieces: what has come by then is one piece.

    Let go of it by ``aclose``; a body that was not read to its end takes the connection with it.
    """

    def __init__(self, connection: Connection) -> None:
        self.status = 0
        self.headers: list[Header] = []
        self._connection = connection
        self._pieces: list[bytes] = []
        self._held = 0
        self._begun = False
        self._complete = False
        self._error: httpx.TransportError | None = None
        self._waiter: asyncio.Future[None] | None = None

    # The side of the connection.

    def begin(self, status: int) -> None:
        """The headers are complete."""
        self.status = status
        self._begun = True
        self._wake()

    def take(self, piece: bytes) -> bool:
        """Some of the body came; False where no more of it should be read for now."""
        self._pieces.append(piece)
        self._held += len(piece)
        self._wake()
        return self._held < HELD_BYTES

    def end(self, error: httpx.TransportError | None = None) -> None:
        """Nothing more will come, for the ``error`` or since the response is complete."""
        if not self._complete:
            self._complete, self._error = True, error
            self._wake()

    # The side of the caller.

    async def head(self) -> None:
        """Wait for the headers.

        Raises:
            httpx.TransportError: they will not come.
        """
        while not self._begun:
            if self._error is not None:
                raise self._error
            await self._wait()

    @property
    def at_hand(self) -> bool:
        """Whether the next piece, or the end, is there already, so that nobody need wait for it."""
        return self._complete or bool(self._pieces)

    def __aiter__(self) -> Exchange:
        return self

    async def __anext__(self) -> bytes:
        while not self._pieces:
            if self._error is not None:
                raise self._error
            if self._complete:
                raise StopAsyncIteration
            await self._wait()
        pieces = self._pieces
        piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        if self._held >= HELD_BYTES and not self._complete:
            self._connection.go_on()
        self._held = 0
        return piece

    async def aclose(self) -> None:
        """Let go of the connection. May be called twice."""
        if not self._complete:
            self._complete = True
            self._connection.abort()

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Connection(asyncio.Protocol):
    """One connection; the event loop and httptools call it back.

    Args:
        on_free: called with the connection once it can be used again.
    """

    def __init__(self, on_free: Callable[[Connection], None]) -> None:
        self.idle_since = 0.0
        self._on_free = on_free
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._exchange: Exchange | None = None
        self._kept = False  # it has answered before
        self._heard = False  # any of the response
        self._until_close = False  # the body ends with the connection
        self._whole = False  # the response ended within this piece
        self._lasts = False  # the connection may be used again
        self._moved = False  # some body came within this piece
        self._beside = 0  # bytes since the last of the body
        self._head_bytes = 0
        self._paused = False

    @property
    def usable(self) -> bool:
        """Whether it is open and nothing is under way."""
        return self._exchange is None and self._transport is not None and not self._transport.is_closing()

    def ask(self, request: bytes) -> Exchange:
        """Send a whole request, headers and body."""
        assert self._transport is not None
        exchange = self._exchange = Exchange(self)
        self._heard = self._until_close = False
        self._beside = self._head_bytes = 0
        self._transport.write(request)
        return exchange

    def go_on(self) -> None:
        """Read further: what was held has been taken."""
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    def abort(self) -> None:
        """Close at once, whatever is under way."""
        self._exchange = None
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Close in good order; nothing is under way."""
        if self._transport is not None:
            self._transport.close()

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class is no subclass of it

    def data_received(self, data: bytes) -> None:
        """Some of a response came."""
        if self._exchange is None:
            self.abort()  # nobody asked
            return
        self._heard = True
        self._moved = False
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self._whole:
                self._fail(httpx.RemoteProtocolError("the response is no HTTP"))
                return
            self._lasts = False  # what came after the response is not for us
        self._beside = 0 if self._moved else self._beside + len(data)
        if self._whole:
            self._finish()
        elif self._beside > MAX_HEAD_BYTES:
            self._fail(httpx.RemoteProtocolError("the response's headers are too large"))

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed."""
        self._transport = None
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            return
        if self._until_close and exc is None:
            exchange.end()
        else:
            exchange.end(ConnectionLost(answered=self._heard, kept=self._kept))

    # Called by the parser.

    def on_message_begin(self) -> None:
        """A response begins."""
        if self._whole:
            raise httpx.RemoteProtocolError("a response that nobody asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header or a trailer is complete."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MAX_HEAD_BYTES:
            raise httpx.RemoteProtocolError("the response's headers are too large")
        if self._exchange is not None and not self._exchange.status:
            self._exchange.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The headers are complete."""
        exchange, status = self._exchange, self._parser.get_status_code()
        if exchange is None or status < 200:
            return  # see `on_message_complete`
        names = {name.lower() for name, _ in exchange.headers}
        self._until_close = not names & {b"content-length", b"transfer-encoding"}
        exchange.begin(status)

    def on_body(self, body: bytes) -> None:
        """Some of the body."""
        self._moved = True
        if self._exchange is None or self._exchange.take(body) or self._paused or self._transport is None:
            return
        self._paused = True
        self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """A response is complete."""
        if self._exchange is None:
            return
        if self._exchange.status:
            self._whole = True
            self._lasts = self._parser.should_keep_alive()  # the parser forgets it after this call
        else:
            self._exchange.headers.clear()  # it was an interim one, such as 103; the real one follows

    def _finish(self) -> None:
        exchange, self._exchange, self._whole = self._exchange, None, False
        transport = self._transport
        if exchange is None or transport is None:
            return
        exchange.end()
        if transport.get_write_buffer_size():
            transport.abort()  # answered before all was asked: to close would wait until the rest is taken
        elif self._lasts:
            self._kept = True
            self.go_on()
            self._on_free(self)
        else:
            transport.close()

    def _fail(self, error: httpx.TransportError) -> None:
        exchange = self._exchange
        self.abort()
        if exchange is not None:
            exchange.end(error)
