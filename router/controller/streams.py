"""Streamed answers as iterators of chunks, for callers with an event loop and without."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from router.controller.records import Record
from router.errors import RequestFailed, RoutingError

if TYPE_CHECKING:
    from router.controller.inside import Inside, Reply

DONE = b"[DONE]"
_DATA = b"data: "
_EVENT_END = b"\n\n"


class _Events:
    """The chunks of one reply, on the server's loop."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._rest = b""
        self.ended = False

    async def next(self) -> Record | None:
        """The next chunk; None at the end.

        Raises:
            RequestFailed: the answer broke off.
            RoutingError: the Controller was closed meanwhile.
        """
        while not self.ended:
            event, end, rest = self._rest.partition(_EVENT_END)
            if end:
                self._rest = rest
                return self._chunk(event.removeprefix(_DATA))
            piece = await self._reply.next()
            if piece is None:
                self.ended = True
                raise RoutingError("The Controller was closed, or the stream, before the answer was whole.")
            self._rest += piece
        return None

    async def aclose(self) -> None:
        """Leave the answer."""
        self.ended = True
        await self._reply.aclose()

    def _chunk(self, data: bytes) -> Record | None:
        if data == DONE:
            self.ended = True
            return None
        fields = msgspec.json.decode(data)
        if isinstance(fields.get("error"), dict):
            self.ended = True
            raise failure(fields, status=502, request_id=self._reply.headers.get("x-request-id"))
        return Record(fields)


class _Reading:
    """A stream that is read through another thread. It is left where nobody holds it any more.

    Args:
        inside: the server.
        reply: the answer, which has begun.
        owner: what the server would be closed without.
    """

    def __init__(self, inside: Inside, reply: Reply, owner: object) -> None:
        self._inside = inside
        self._events = _Events(reply)
        self._owner = owner
        self.headers = dict(reply.headers)

    def __del__(self) -> None:
        if not self._events.ended:
            # An interpreter that ends may have nothing left to do it with.
            with contextlib.suppress(Exception):
                self._inside.submit(self._events.aclose())


class Stream(_Reading):
    """Chunks of one answer, ``chat.completion.chunk``, as they come. Read it to its end, or close it.

    ``headers``: what the server would have said in its headers.
    """

    def __iter__(self) -> Iterator[Record]:
        return self

    def __next__(self) -> Record:
        chunk = self._inside.run(self._events.next())
        if chunk is None:
            raise StopIteration
        return chunk

    def close(self) -> None:
        """Leave the answer: the model need not go on."""
        with contextlib.suppress(RoutingError):  # a closed Controller has closed it
            self._inside.run(self._events.aclose())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncStream(_Reading):
    """The same for ``async for``; it may be read on any event loop."""

    def __aiter__(self) -> AsyncIterator[Record]:
        return self

    async def __anext__(self) -> Record:
        chunk = await asyncio.wrap_future(self._inside.submit(self._events.next()))
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    async def close(self) -> None:
        """Leave the answer: the model need not go on."""
        with contextlib.suppress(RoutingError):
            await asyncio.wrap_future(self._inside.submit(self._events.aclose()))

    aclose = close

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def failure(fields: dict[str, Any], *, status: int, request_id: str | None) -> RequestFailed:
    """The error that an answer is, in OpenAI's shape."""
    told = fields["error"]
    return RequestFailed(
        str(told.get("message") or "The request failed."),
        status=status,
        type=str(told.get("type") or "api_error"),
        param=told.get("param"),
        code=told.get("code"),
        request_id=request_id,
    )
