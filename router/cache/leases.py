"""Single flight among servers: who leads holds a lease in Redis, and renews it until its answer is there.

The lease of a server that was killed runs out in seconds, and another leads. Who waits hears of the end by the stream
of news; should that message be lost, it asks for the lease again every second or so, and so learns it all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
from typing import Literal

from router.cache.flights import Claim, NoneElsewhere
from router.cache.replication import ENTRY
from router.errors import SharedStateAway
from router.shared.sharing import Sharing
from router.shared.streams import CACHE, MOST_NEWS, NEWS, STATE, Message, position

LEASE_MS = 5_000
RENEW_S = 1.5
"""A lease lasts for so long without its holder, who renews it so often."""

ASK_AGAIN_S = 1.0
"""Seconds after which a waiting request asks for the lease itself."""

LANDED_MS = 3_000
"""For so long it is remembered where in the stream an answer is."""

CATCH_UP_S = 0.25
"""Seconds that a request waits for its own server to read that far."""

LANDED = b"landed/1"
ANSWERED, LEFT = b"answered", b"left"

_CLAIM = """
local held = redis.call('GET', KEYS[1])
if held and string.sub(held, 1, 1) ~= 'd' then
  if string.sub(held, 1, 1) == 'l' then redis.call('SET', KEYS[1], 'w' .. string.sub(held, 2), 'KEEPTTL') end
  return {0, ''}
end
redis.call('SET', KEYS[1], 'l' .. ARGV[1], 'PX', ARGV[2])
return {1, held and string.sub(held, 2) or ''}
"""
"""A lease is `l` and who leads, `w` where somebody waits, and after its end `d` and the place of the answer."""

_RENEW = """
local held = redis.call('GET', KEYS[1])
if not held then
  redis.call('SET', KEYS[1], 'l' .. ARGV[1], 'PX', ARGV[2])
elseif string.sub(held, 2) == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
"""

_RELEASE = """
local held = redis.call('GET', KEYS[1])
if not held or string.sub(held, 2) ~= ARGV[1] then return end
local last = redis.call('HGET', KEYS[2], 'last') or ''
if ARGV[2] == 'left' then redis.call('DEL', KEYS[1])
else redis.call('SET', KEYS[1], 'd' .. last, 'PX', ARGV[3]) end
if string.sub(held, 1, 1) == 'w' then
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[4], '*', 'o', ARGV[5], 'k', ARGV[6], 's', ARGV[7],
             'p', ARGV[2] .. ' ' .. last)
end
"""

_ALONE = NoneElsewhere()


class _Waiting:
    """A request here that waits for one elsewhere."""

    def __init__(self) -> None:
        self.told = asyncio.Event()
        self.how: Literal["answered", "left", ""] = ""
        self.place = b""

    def tell(self, how: Literal["answered", "left"], place: bytes = b"") -> None:
        self.how, self.place = how, place
        self.told.set()


class _Held:
    """A lease of this server's."""

    def __init__(self, leases: Leases, exact: bytes, token: str, *, stale: bool) -> None:
        self.stale = stale
        self._leases = leases
        self._exact = exact
        self._token = token

    def release(self, *, abandoned: bool) -> None:
        self._leases.release(self._exact, self._token, abandoned=abandoned)


class Leases:
    """The right to lead among all servers; implements `router.cache.flights.Elsewhere`.

    Args:
        sharing: the way to the other servers.
        chance: spreads what many would do at once.
    """

    def __init__(self, sharing: Sharing, chance: random.Random) -> None:
        self._sharing = sharing
        self._chance = chance
        self._held: dict[str, bytes] = {}
        self._waiting: dict[bytes, _Waiting] = {}
        self._renewing: asyncio.Task[None] | None = None

    def listen(self) -> None:
        """Hear how requests elsewhere end. To be called behind who takes entries in: what arrived is kept by then."""
        self._sharing.on(NEWS, LANDED, self._heard)
        self._sharing.on(CACHE, ENTRY, self._arrived)

    def _arrived(self, message: Message) -> None:
        if (waiting := self._waiting.get(message.subject)) is not None:
            waiting.tell("answered")

    async def claim(self, exact: bytes, patience_s: float) -> Claim | None:
        """See ``Elsewhere``. While Redis is away, every server leads for itself."""
        waiting = self._waiting[exact] = _Waiting()
        token = secrets.token_hex(8)
        waited = False
        try:
            async with asyncio.timeout(patience_s):
                while (landed := await self._ask(exact, token)) is None:
                    waited = True
                    if await self._told(waiting) == "answered":
                        await self._catch_up(waiting.place)
                        return None
                await self._catch_up(landed)
        except SharedStateAway:
            return _ALONE
        except TimeoutError:
            self.release(exact, token, abandoned=True)
            return None
        except BaseException:
            # The lease may have been given by now, and nobody is there to hold it.
            self.release(exact, token, abandoned=True)
            raise
        finally:
            del self._waiting[exact]
        return _Held(self, exact, token, stale=waited or bool(landed))

    def release(self, exact: bytes, token: str, *, abandoned: bool) -> None:
        """The request has ended: its answer is on its way to the others by now, if there is one."""
        self._held.pop(token, None)
        how = LEFT if abandoned else ANSWERED
        arguments = (token, how, LANDED_MS, MOST_NEWS, self._sharing.origin, LANDED, exact)
        # Behind the answer, which went the same way.
        self._sharing.outbox.put(_RELEASE, (_name(exact), STATE, NEWS), arguments)

    async def _ask(self, exact: bytes, token: str) -> bytes | None:
        """Ask for the lease. Where it is given: the place in the stream of what an earlier holder left, or nothing."""
        reply = await self._sharing.link.run(_CLAIM, (_name(exact),), (token, LEASE_MS))
        try:
            given, landed = reply
        except (TypeError, ValueError):
            raise SharedStateAway("what Redis says of leases is not understood.") from None
        if not given:
            return None
        self._held[token] = exact
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew(), name="renewing leases")
        return bytes(landed)

    async def _told(self, waiting: _Waiting) -> str:
        """How the request elsewhere ended; nothing where it is time to ask for the lease again."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ASK_AGAIN_S * self._chance.uniform(0.8, 1.2)):
                await waiting.told.wait()
        waiting.told.clear()
        return waiting.how

    async def _catch_up(self, place: bytes) -> None:
        with contextlib.suppress(TimeoutError, ValueError):
            async with asyncio.timeout(CATCH_UP_S):
                await self._sharing.follower.reach(CACHE, position(place))

    async def _renew(self) -> None:
        while self._held:
            await asyncio.sleep(RENEW_S)
            for token, exact in self._held.items():
                self._sharing.link.later(_RENEW, (_name(exact),), (token, LEASE_MS))

    def _heard(self, message: Message) -> None:
        waiting = self._waiting.get(message.subject)
        how, _, place = message.payload.partition(b" ")
        if waiting is not None:
            waiting.tell("left" if how == LEFT else "answered", place)


def _name(exact: bytes) -> str:
    return f"lease:{exact.hex()}"
