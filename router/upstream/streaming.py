"""A streamed answer: the payloads of its events, checked one by one, with a watch on silence and on its end."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Self

import httpx
import msgspec
from msgspec import Struct

from router.errors import UNREADABLE_JSON, UpstreamBroken, UpstreamError, UpstreamTimeout
from router.types import Served
from router.upstream.events import EventDecoder, EventTooLarge
from router.upstream.refusals import Secrets, error_in_answer, error_object
from router.upstream.transport import FOREIGN_ERRORS, pieces, translate

DONE = b"[DONE]"

_NO_PAYLOAD = (DONE, b"")

DRAIN_S = 0.02
"""How long to wait for the end of the body after ``[DONE]``: a connection that is read to its end can be used again."""


class _Choice(Struct):
    finish_reason: str | None = None


class _Chunk(Struct):
    """The little that must be known of a chunk before it is passed on."""

    choices: list[_Choice] | None = None
    error: Any = None


_CHUNK = msgspec.json.Decoder(_Chunk)


class EventStream:
    """Implements `router.upstream.base.StreamReply` over an open response.

    Args:
        response: status 200, body not yet read. The stream owns it from here on.
        served: who answers.
        upstream: the configured name of the upstream, for errors.
        first_event_by: event loop time by which the first event must have come.
        silence_s: seconds without a byte that count as silence after that.
        end_by: event loop time by which the whole answer must be complete.
        max_event_bytes: limit on one event.
        secrets: never to be quoted.
    """

    def __init__(
        self,
        response: httpx.Response,
        *,
        served: Served,
        upstream: str,
        first_event_by: float,
        silence_s: float,
        end_by: float,
        max_event_bytes: int,
        secrets: Secrets = (),
    ) -> None:
        self.served = served
        self._response = response
        self._pieces = pieces(response)
        self._upstream = upstream
        self._first_event_by: float | None = first_event_by
        self._silence_s = silence_s
        self._end_by = end_by
        self._secrets = secrets
        self._decoder = EventDecoder(max_event_bytes)
        self._payloads: deque[bytes] = deque()
        self._finish_seen = False
        self._exhausted = False  # the body has ended
        self._ended = False  # nothing more will be given

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await self._next()
        except BaseException:
            # Ended, broken or cancelled: whatever it is, the upstream need not go on generating.
            await self.aclose()
            raise

    def at_hand(self) -> list[bytes]:
        """The next payloads, as far as they have come already: nobody need wait for them. Given once.

        What ends or breaks the stream is none of them; whoever waits for the next one is told of it.
        """
        taken: list[bytes] = []
        while not self._ended and self._payloads and (payload := self._payloads[0]) not in _NO_PAYLOAD:
            try:
                self._check(payload)
            except UpstreamError:
                break
            taken.append(self._payloads.popleft())
        return taken

    async def aclose(self) -> None:
        """Let go of the connection; a body that was not read to its end closes it. May be called twice."""
        self._ended = True
        with contextlib.suppress(*FOREIGN_ERRORS):
            await self._response.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _next(self) -> bytes:
        while not self._ended:
            while self._payloads:
                payload = self._payloads.popleft()
                if payload == DONE:
                    await self._drain()
                    raise StopAsyncIteration
                if payload:
                    self._check(payload)
                    return payload
            if self._exhausted:
                self._require_finish()
                break
            await self._receive()
        raise StopAsyncIteration

    async def _receive(self) -> None:
        """Wait for the next piece of the body and decode it."""
        try:
            piece = await self._next_piece(self._patience())
        except TimeoutError as error:
            message = f"The {self._upstream} upstream fell silent before its answer was complete."
            raise UpstreamTimeout(message, upstream=self._upstream) from error
        except FOREIGN_ERRORS as error:
            if not self._finish_seen:
                raise translate(error, self._upstream) from error
            piece = None  # all that matters had been said
        if piece is None:
            self._exhausted = True
            self._take_unterminated()
            return
        try:
            self._payloads.extend(self._decoder.feed(piece))
        except EventTooLarge as error:
            raise UpstreamBroken(
                f"The {self._upstream} upstream broke off: {error}.", upstream=self._upstream
            ) from error
        if self._payloads:
            self._first_event_by = None

    async def _next_piece(self, until: float) -> bytes | None:
        """What comes next of the body, by ``until`` of the event loop's time; None at its end."""
        if getattr(self._pieces, "at_hand", False) and asyncio.get_running_loop().time() < until:
            return await anext(self._pieces, None)  # a watch would cost more than the piece
        async with asyncio.timeout_at(until):
            return await anext(self._pieces, None)

    def _patience(self) -> float:
        """Event loop time until which to wait for the next piece."""
        if self._first_event_by is not None:
            return min(self._first_event_by, self._end_by)
        return min(asyncio.get_running_loop().time() + self._silence_s, self._end_by)

    def _take_unterminated(self) -> None:
        """Accept a last event without its blank line where it is whole: ``[DONE]``, or JSON to its last brace."""
        payload = self._decoder.finish()
        if payload == DONE:
            self._payloads.append(payload)
        elif payload:
            with contextlib.suppress(*UNREADABLE_JSON):
                msgspec.json.decode(payload)
                self._payloads.append(payload)

    def _check(self, payload: bytes) -> None:
        try:
            chunk = _CHUNK.decode(payload)
        except UNREADABLE_JSON as error:
            message = f"The {self._upstream} upstream sent an event that is no chat chunk."
            raise UpstreamBroken(message, upstream=self._upstream) from error
        said = chunk.error
        if said is None and chunk.choices is None:
            said = error_object(payload)  # some servers send the error itself
        if said is not None:
            raise error_in_answer(said, self._upstream, self._secrets)
        for choice in chunk.choices or ():
            if choice.finish_reason:
                self._finish_seen = True

    def _require_finish(self) -> None:
        if not self._finish_seen:
            message = f"The {self._upstream} upstream stopped in the middle of its answer."
            raise UpstreamBroken(message, upstream=self._upstream)

    async def _drain(self) -> None:
        with contextlib.suppress(TimeoutError, *FOREIGN_ERRORS):
            await self._next_piece(asyncio.get_running_loop().time() + DRAIN_S)
