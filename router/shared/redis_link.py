"""The link to Redis: calls share round trips, no call waits long, and nobody waits for a Redis that is away.

One task keeps the connection: it connects, sees that Redis can be written to, and then lets one task send and another
receive until something fails. Replies come in the order of the calls, so nothing else tells which belongs to which.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import hiredis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoScriptError, RedisError, ResponseError

from router.errors import SharedStateAway
from router.shared.address import CONNECT_LIMIT_S, Address
from router.shared.faults import CANNOT_BE_USED, kind_of, reason_of
from router.shared.link import Argument

logger = logging.getLogger("underdog.shared")

ROUND_TRIP_LIMIT_S = 0.25
"""Seconds that a call waits for its reply. After that Redis counts as away."""

SECOND_LOOK_S = 0.05
"""Seconds after which a late reply is looked for once more: the event loop itself may have been held up."""

SHORTEST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0
"""Seconds between two attempts to connect: doubled each time, and spread so that servers do not come all at once."""

MOST_REFUSALS = 20
"""Kinds of refusals that are told, once each."""

STEADY_S = 1.0
"""Seconds after which a connection counts as one that holds: one that comes and goes is looked for less often, and the
log is not filled with it."""

FAREWELL_S = 0.25
"""Seconds that what still waits may take to be said in the end."""

_CAN_WRITE = "redis.call('set', KEYS[1], '', 'px', 1000)"
"""What shared state needs of Redis: to run a script that writes."""


_Command = tuple[Argument, ...]


class _Call:
    """One command on its way: its bytes, what to send instead where Redis does not know the script, and who waits."""

    __slots__ = ("again", "packed", "reply", "sent_s")

    def __init__(self, packed: bytes, again: _Command | None, reply: asyncio.Future[Any] | None) -> None:
        self.packed = packed
        self.again = again
        self.reply = reply
        self.sent_s = 0.0


def _packed(command: _Command) -> bytes:
    packed: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]  # its stub means a tuple of one
    return packed


class RedisLink:
    """See ``Link``.

    Args:
        address: where Redis is.
        prefix: what the names of all keys begin with, so that several installations can share one Redis.
        chance: spreads the attempts to connect.
    """

    def __init__(self, address: Address, *, prefix: str, chance: random.Random) -> None:
        self.address = address
        # The braces keep all keys of an installation together where several machines make up one Redis.
        self._prefix = f"{{{prefix}}}:"
        self._chance = chance
        self._up = False
        self._told: str | None = None
        self._telling: asyncio.TimerHandle | None = None
        self._reason = "the link has not started"
        self._waiting: deque[_Call] = deque()
        self._sent: deque[_Call] = deque()
        self._something_waits = asyncio.Event()
        self._something_sent = asyncio.Event()
        self._digests: dict[str, str] = {}
        self._carried: set[str] = set()
        self._refusals: set[str] = set()
        self._listeners: list[Callable[[], None]] = []
        self._keeping: asyncio.Task[None] | None = None

    @property
    def up(self) -> bool:
        """Whether Redis answered last time."""
        return self._up

    def key(self, name: str) -> str:
        """The key of a name, for ``call``; ``run`` and ``later`` see to theirs themselves."""
        return self._prefix + name

    async def call(self, *command: Argument) -> Any:
        """One command and its reply, in bytes; the caller names keys by ``key``. See ``Link``."""
        return await self._ask(command, None)

    def begin(self, script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> asyncio.Future[Any]:
        """A script, and its reply to be awaited; raises as ``run`` where Redis is away already."""
        return self._ask(*self._commands(script, keys, arguments))

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """A script and its reply. See ``Link``."""
        return await self.begin(script, keys, arguments)

    def later(self, script: str, keys: Sequence[str], arguments: Sequence[Argument]) -> None:
        """A script whose reply nobody waits for. See ``Link``."""
        if self._up:
            self._enqueue(*self._commands(script, keys, arguments), reply=None)

    def on_return(self, tell: Callable[[], None]) -> None:
        """Call ``tell`` each time Redis has come back, the first time included."""
        self._listeners.append(tell)

    async def start(self) -> None:
        """Begin to connect."""
        self._keeping = asyncio.create_task(self._keep(), name="the link to Redis")

    async def aclose(self) -> None:
        """Say what waits, as far as that takes no more than a moment, and let go. May be called twice."""
        with contextlib.suppress(TimeoutError, SharedStateAway):
            # Replies come in order: once this one is here, all that was said before has been heard.
            await asyncio.wait_for(self.call("PING"), FAREWELL_S)
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
        self._lose("the link is closed")

    # --- calls ------------------------------------------------------------------------------------------------------

    def _ask(self, command: _Command, again: _Command | None) -> asyncio.Future[Any]:
        if not self._up:
            raise SharedStateAway(self._reason)
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._enqueue(command, again, reply=reply)
        return reply

    def _enqueue(
        self,
        command: _Command,
        again: _Command | None,
        *,
        reply: asyncio.Future[Any] | None,
    ) -> None:
        self._waiting.append(_Call(_packed(command), again, reply))
        self._something_waits.set()

    def _commands(
        self, script: str, keys: Sequence[str], arguments: Sequence[Argument]
    ) -> tuple[_Command, _Command | None]:
        """The command that runs a script, and the one to send instead where Redis does not know it.

        The first time on each connection it is carried whole: one that was refused would be heard behind later ones,
        and what is said of money and places is true in its order alone.
        """
        digest = self._digests.get(script)
        if digest is None:
            digest = self._digests[script] = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
        rest = (len(keys), *map(self.key, keys), *arguments)
        whole = ("EVAL", script, *rest)
        if script not in self._carried:
            if self._up:
                self._carried.add(script)
            return whole, None
        return ("EVALSHA", digest, *rest), whole

    # --- the connection ---------------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        now = asyncio.get_running_loop().time
        pause_s = SHORTEST_PAUSE_S
        while True:
            connection = self.address.connection()
            since = math.inf
            try:
                async with asyncio.timeout(CONNECT_LIMIT_S):
                    await self._open(connection)
                since = now()
                self._found()
                await self._converse(connection)
            except Exception as error:  # noqa: BLE001 - whatever it is, nobody must wait for Redis now
                self._lost(error)
            finally:
                with contextlib.suppress(RedisError, OSError):
                    await connection.disconnect(nowait=True)
            if now() - since >= STEADY_S:
                pause_s = SHORTEST_PAUSE_S
            await asyncio.sleep(pause_s * self._chance.uniform(0.5, 1.0))
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _open(self, connection: AbstractConnection) -> None:
        await connection.connect()  # type: ignore[no-untyped-call]
        await connection.send_command("EVAL", _CAN_WRITE, 1, self.key("can-write"), check_health=False)
        await connection.read_response()

    async def _converse(self, connection: AbstractConnection) -> None:
        """Send and receive until something fails, and raise what it was."""
        parts = [asyncio.create_task(self._send(connection)), asyncio.create_task(self._receive(connection))]
        parts.append(asyncio.create_task(self._watch()))
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

    async def _send(self, connection: AbstractConnection) -> None:
        now = asyncio.get_running_loop().time
        while True:
            await self._something_waits.wait()
            self._something_waits.clear()
            batch, self._waiting = self._waiting, deque()
            sent_s = now()
            for call in batch:
                call.sent_s = sent_s
            self._sent.extend(batch)
            self._something_sent.set()
            await connection.send_packed_command(b"".join([call.packed for call in batch]), check_health=False)

    async def _receive(self, connection: AbstractConnection) -> None:
        while True:
            try:
                reply = await connection.read_response(timeout=math.inf, disconnect_on_error=False)
            except ResponseError as refusal:
                reply = refusal
            if not self._sent:
                raise RedisError("a reply that nobody asked for")
            call = self._sent.popleft()
            if isinstance(reply, ResponseError):
                self._refused(call, reply)
            elif call.reply is not None and not call.reply.done():
                call.reply.set_result(reply)

    async def _watch(self) -> None:
        """Raise ``TimeoutError`` when the oldest call has waited too long."""
        now = asyncio.get_running_loop().time
        while True:
            await self._something_sent.wait()
            if not self._sent:
                self._something_sent.clear()
                continue
            oldest = self._sent[0]
            await asyncio.sleep(oldest.sent_s + ROUND_TRIP_LIMIT_S - now())
            if self._sent and self._sent[0] is oldest:
                await asyncio.sleep(SECOND_LOOK_S)
                if self._sent and self._sent[0] is oldest:
                    raise TimeoutError

    def _refused(self, call: _Call, refusal: ResponseError) -> None:
        if isinstance(refusal, NoScriptError) and call.again is not None:
            call.packed, call.again = _packed(call.again), None
            self._waiting.append(call)
            self._something_waits.set()
            return
        reason = reason_of(refusal, self.address.name)
        if call.reply is not None and not call.reply.done():
            call.reply.set_exception(SharedStateAway(reason))
        if isinstance(refusal, CANNOT_BE_USED) or str(refusal).startswith(("MISCONF", "NOREPLICAS", "BUSY")):
            self._lost(refusal)
            raise refusal
        if reason not in self._refusals and len(self._refusals) < MOST_REFUSALS:
            # Whoever asked goes on alone, and nobody would learn of it.
            logger.warning("Redis refuses a step of shared state: %s", reason)
            self._refusals.add(reason)

    # --- here and away ----------------------------------------------------------------------------------------------

    def _found(self) -> None:
        self._up = True
        loop = asyncio.get_running_loop()
        if self._told is not None:
            self._telling = loop.call_later(STEADY_S, self._tell_of_return)
        for tell in self._listeners:
            loop.call_soon(tell)

    def _tell_of_return(self) -> None:
        logger.info("Redis at %s is back: state is shared again", self.address.name)
        self._told = None

    def _lost(self, error: Exception) -> None:
        reason = reason_of(error, self.address.name)
        self._lose(reason)
        if self._told != kind_of(error):
            logger.warning("Redis is away, this server goes on alone: %s", reason)
            self._told = kind_of(error)

    def _lose(self, reason: str) -> None:
        """Nobody who asked gets a reply any more."""
        self._up = False
        self._reason = reason
        self._carried.clear()
        if self._telling is not None:
            self._telling.cancel()
        for call in (*self._sent, *self._waiting):
            if call.reply is not None and not call.reply.done():
                call.reply.set_exception(SharedStateAway(reason))
        self._sent.clear()
        self._waiting.clear()
        self._something_waits.clear()
        self._something_sent.clear()
