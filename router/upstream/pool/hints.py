"""What servers tell each other of deployments: hints, by which nobody asks what others have just found failing.

A hint is no law. Who had a good answer of late knows better, and every server finds out by itself when a deployment
answers again.
"""

from __future__ import annotations

import functools
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from router.shared.sharing import Sharing
from router.shared.streams import NEWS, Message
from router.upstream.base import Upstream
from router.upstream.pool.member import Member
from router.upstream.pool.pool import Pool

HINT = b"deployment/1"

Event = Literal["opened", "closed", "rests"]

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[Event, float, int]).decode


class Hints:
    """Tells other servers how deployments fare, and heeds what they tell.

    Args:
        upstreams: whose pools are watched.
        sharing: the way to the other servers.
        clock: monotonic seconds, the pools' own.
        wall: seconds since 1970, by which hints travel.
    """

    def __init__(
        self,
        upstreams: Iterable[Upstream],
        sharing: Sharing,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._sharing = sharing
        self._clock = clock
        self._wall = wall
        self._members: dict[bytes, list[Member]] = {}
        self.watch(upstreams)
        sharing.on(NEWS, HINT, self._heard)

    def watch(self, upstreams: Iterable[Upstream]) -> None:
        """Watch these from now on, and no others."""
        self._members = {}
        for pool in upstreams:
            if isinstance(pool, Pool):
                self._watch(pool)

    def _watch(self, pool: Pool) -> None:
        often = Counter[tuple[str, str]]()
        for member in pool.members:
            place = member.upstream.address, member.upstream.model
            # Several keys for one place are told apart by their order, so that nothing of the keys is told.
            often[place] += 1
            name = _name(*place, often[place])
            self._members.setdefault(name, []).append(member)
            member.watch(functools.partial(self._tell, name))

    def _tell(self, name: bytes, event: Event, until: float, status: int) -> None:
        at = until - self._clock() + self._wall()
        self._sharing.publish(NEWS, HINT, _encode((event, at, status)), subject=name)

    def _heard(self, message: Message) -> None:
        if message.origin == self._sharing.origin:
            return
        event, at, status = _decode(message.payload)
        now = self._clock()
        until = now + at - self._wall()
        for member in self._members.get(message.subject, ()):
            if event == "closed":
                member.breaker.heed_closed(now)
            elif until <= now:
                continue
            elif event == "opened":
                member.breaker.heed_opened(now, until)
            else:
                member.heed_rest(now, until, status)


def _name(address: str, model: str, number: int) -> bytes:
    """What a deployment is called among servers: neither its name, which is a matter of taste, nor its address."""
    return hashlib.blake2b(msgspec.msgpack.encode([address, model, number]), digest_size=16).digest()
