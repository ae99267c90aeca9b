"""Reading what other servers tell: one connection that waits at the end of the streams.

A message may be seen twice, and one that Redis let go of meanwhile never: whoever takes them in bears with both.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from router.shared.address import CONNECT_LIMIT_S, Address
from router.shared.faults import reason_of
from router.shared.streams import BEGINNING, Handler, Message, Position, position, written

logger = logging.getLogger("underdog.shared")

READ_AT_ONCE = 64
BLOCK_S = 5.0
"""Seconds that one reading waits for something new."""

PATIENCE_S = 5.0
"""Seconds beyond it after which the connection is given up."""

PIECE_S = 0.001
PAUSE_S = 0.001
"""Messages are taken in for so long at a time, with a pause between, so that requests hardly wait for it."""

TOLD_AFTER = 3
"""Attempts in vain after which the log tells why."""

SHORTEST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0


class _Followed:
    def __init__(self, since: Callable[[], Position]) -> None:
        self.since = since
        self.at: Position | None = None
        self.newest: Position = BEGINNING
        self.handlers: dict[bytes, list[Handler]] = {}


class Follower:
    """Follows streams in Redis and hands their messages on. For one event loop.

    Args:
        address: where Redis is.
        key: the key of a name.
        origin: how this server's own messages are signed.
        is_up: whether Redis answers others of this server.
        chance: spreads the attempts to connect.
    """

    def __init__(
        self,
        address: Address,
        *,
        key: Callable[[str], str],
        origin: bytes,
        is_up: Callable[[], bool],
        chance: random.Random,
    ) -> None:
        self._address = address
        self._key = key
        self._origin = origin
        self._is_up = is_up
        self._chance = chance
        self._streams: dict[str, _Followed] = {}
        self._names: dict[bytes, str] = {}
        self._moved = asyncio.Event()
        self._connected = False
        self._behind = True
        self._heard_s = time.monotonic()
        self._told: str | None = None
        self._following: asyncio.Task[None] | None = None
        self.received = 0
        self.skipped = 0

    def follow(self, stream: str, since: Callable[[], Position] = lambda: BEGINNING) -> None:
        """Read a stream from the start of the server on, from this place of it. To be called before ``start``."""
        self._streams[stream] = _Followed(since)
        self._names[self._key(stream).encode()] = stream

    def on(self, stream: str, kind: bytes, handler: Handler) -> None:
        """Hand on messages of a kind; several handlers get them in the order in which they came here."""
        self._streams[stream].handlers.setdefault(kind, []).append(handler)

    def start(self) -> None:
        """Begin to read those streams that somebody wants to hear of."""
        self._streams = {name: followed for name, followed in self._streams.items() if followed.handlers}
        self._following = asyncio.create_task(self._keep(), name="following other servers")

    async def aclose(self) -> None:
        """Read no more. May be called twice."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait([self._following])

    @property
    def lag_s(self) -> float:
        """Seconds by which this server is behind the others: 0 where it has read all there is."""
        if not self._connected:
            return time.monotonic() - self._heard_s
        if not self._behind:
            return 0.0
        return max(0, *(each.newest[0] - (each.at or BEGINNING)[0] for each in self._streams.values())) / 1000

    async def reach(self, stream: str, place: Position) -> None:
        """Return once a stream has been read up to this place. The caller limits the wait."""
        followed = self._streams[stream]
        while (followed.at or BEGINNING) < place:
            await self._moved.wait()

    async def _keep(self) -> None:
        pause_s = SHORTEST_PAUSE_S
        failures = 0
        while True:
            connection = self._address.connection()
            try:
                async with asyncio.timeout(CONNECT_LIMIT_S):
                    await connection.connect()  # type: ignore[no-untyped-call]
                    await self._find_places(connection)
                self._connected, pause_s, failures = True, SHORTEST_PAUSE_S, 0
                await self._read(connection)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                failures += 1
                if failures == TOLD_AFTER:
                    self._tell(reason_of(error, self._address.name))
            finally:
                if self._connected:
                    self._connected, self._behind, self._heard_s = False, True, time.monotonic()
                with contextlib.suppress(RedisError, OSError):
                    await connection.disconnect(nowait=True)
            await asyncio.sleep(pause_s * self._chance.uniform(0.5, 1.0))
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def _tell(self, reason: str) -> None:
        # Where Redis is away as such, the link has told it.
        if self._is_up() and reason != self._told:
            logger.warning("what other servers tell cannot be read: %s", reason)
            self._told = reason

    async def _find_places(self, connection: AbstractConnection) -> None:
        """Where to read on: where it was left, unless the stream does not reach that far any more."""
        await self._note_newest(connection)
        for followed in self._streams.values():
            if followed.at is None:
                # Not beyond its end: the clock of Redis may be behind.
                followed.at = min(followed.since(), followed.newest)
            elif followed.newest < followed.at:
                # Redis was emptied, or is another one: its messages are numbered anew.
                followed.at = BEGINNING

    async def _note_newest(self, connection: AbstractConnection) -> None:
        for stream, followed in self._streams.items():
            newest = await _ask(connection, "XREVRANGE", self._key(stream), "+", "-", "COUNT", 1)
            followed.newest = position(newest[0][0]) if newest else BEGINNING

    async def _read(self, connection: AbstractConnection) -> None:
        keys = [self._key(stream) for stream in self._streams]
        command = ("XREAD", "COUNT", READ_AT_ONCE, "BLOCK", int(BLOCK_S * 1000), "STREAMS", *keys)
        while True:
            places = [written(followed.at or BEGINNING) for followed in self._streams.values()]
            async with asyncio.timeout(BLOCK_S + PATIENCE_S):
                found = await _ask(connection, *command, *places)
            self._behind = any(len(messages) == READ_AT_ONCE for _, messages in found or ())
            for name, messages in found or ():
                await self._take_in(self._streams[self._names[name]], messages)
            if self._behind:
                await self._note_newest(connection)

    async def _take_in(self, followed: _Followed, messages: Sequence[Any]) -> None:
        pause_at = time.perf_counter() + PIECE_S
        for place, fields in messages:
            at = position(place)
            self._hand_on(followed, at, fields)
            followed.at = at
            if time.perf_counter() >= pause_at:
                await asyncio.sleep(PAUSE_S)
                pause_at = time.perf_counter() + PIECE_S
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    def _hand_on(self, followed: _Followed, at: Position, fields: Sequence[bytes] | None) -> None:
        try:
            told = dict(zip((fields or ())[::2], (fields or ())[1::2], strict=True))
            message = Message(at, told[b"o"], told[b"k"], told[b"s"], told[b"p"])
            handlers = followed.handlers.get(message.kind)
            if handlers is None:
                # Of a newer or older Underdog.
                self.skipped += 1
                return
            for handler in handlers:
                handler(message)
        except Exception as error:  # noqa: BLE001 - whatever stands there, the next message must be read
            self.skipped += 1
            # The kind of error and no more: there may be a prompt in it.
            logger.warning("a message of another server is skipped: %s", type(error).__name__)
        else:
            self.received += message.origin != self._origin


async def _ask(connection: AbstractConnection, *command: Any) -> Any:
    await connection.send_command(*command, check_health=False)
    return await connection.read_response(timeout=math.inf, disconnect_on_error=False)
