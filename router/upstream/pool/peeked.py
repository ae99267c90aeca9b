"""A stream whose first piece is there already: until it was, another deployment could have been asked."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable

import msgspec

from router.errors import UpstreamBroken, UpstreamError
from router.types import Served
from router.upstream.base import StreamReply, at_hand
from router.upstream.pool.member import Attempt


class PeekedStream:
    """Implements `router.upstream.base.StreamReply`, and ends the attempt with the stream."""

    __slots__ = ("_attempt", "_clock", "_first", "_payloads", "_reply", "served")

    def __init__(
        self,
        reply: StreamReply,
        payloads: AsyncIterator[bytes],
        first: bytes,
        attempt: Attempt,
        clock: Callable[[], float],
    ) -> None:
        self.served: Served = reply.served
        self._reply = reply
        self._payloads = payloads
        self._first: bytes | None = first
        self._attempt = attempt
        self._clock = clock

    @classmethod
    async def begin(
        cls, reply: StreamReply, attempt: Attempt, *, upstream: str, clock: Callable[[], float] = time.monotonic
    ) -> PeekedStream:
        """Wait for the first piece.

        Raises:
            UpstreamError: none came.
        """
        payloads = aiter(reply)
        try:
            first = await anext(payloads, None)
            if first is None:
                raise UpstreamBroken(f"The {upstream} upstream sent an empty stream.", upstream=upstream)
        except BaseException:
            await reply.aclose()
            raise
        return cls(reply, payloads, first, attempt, clock)

    def at_hand(self) -> list[bytes]:
        """The next pieces, as far as they are there already."""
        return at_hand(self._reply) if self._first is None else []

    def answered_at(self, attempts: int) -> PeekedStream:
        """The same stream, which says that it was this attempt's."""
        self.served = msgspec.structs.replace(self.served, attempts=attempts)
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        try:
            return await anext(self._payloads)
        except StopAsyncIteration:
            self._attempt.succeeded(self._clock())
            raise
        except UpstreamError as error:
            self._attempt.failed(error, self._clock())
            raise

    async def aclose(self) -> None:
        """Let go of the connection and of the deployment's slot. May be called twice."""
        # Where somebody left before the end, it had answered as far as was wanted.
        self._attempt.succeeded(self._clock())
        await self._reply.aclose()
