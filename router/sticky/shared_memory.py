"""Stays on several servers: each keeps all of them, so that asking never leaves the process."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from router.shared.sharing import Sharing
from router.shared.streams import NEWS, Message
from router.sticky.memory import Memory, Stay
from router.types import Route

STAY = b"stay/1"
KEY_BYTES = 16

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[Route, str, int, float, bool]).decode


class SharedMemory:
    """Keeps stays here, and tells other servers of them.

    Args:
        own: where this server keeps them.
        sharing: the way to the other servers.
        clock: monotonic seconds, the same as in ``Stay.at``.
        wall: seconds since 1970, by which stays travel.
    """

    def __init__(
        self,
        own: Memory,
        sharing: Sharing,
        clock: Callable[[], float],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._own = own
        self._sharing = sharing
        self._clock = clock
        self._wall = wall
        sharing.on(NEWS, STAY, self._heard)

    def get(self, key: bytes) -> Stay | None:
        """What is kept under a key; None where nothing is, or no more."""
        return self._own.get(key)

    def put(self, key: bytes, stay: Stay) -> None:
        """Keep a stay, here and on the other servers, in the place of an earlier one."""
        self._own.put(key, stay)
        at = stay.at - self._clock() + self._wall()
        self._sharing.publish(NEWS, STAY, _encode((stay.route, stay.model, stay.tokens, at, stay.cached)), subject=key)

    def _heard(self, message: Message) -> None:
        if message.origin == self._sharing.origin or len(message.subject) != KEY_BYTES:
            return
        route, model, tokens, at, cached = _decode(message.payload)
        now = self._clock()
        # Another server's clock may be ahead of ours.
        stay = Stay(route, model, tokens, min(now, now + at - self._wall()), cached)
        here = self._own.get(message.subject)
        if here is None or here.at <= stay.at:
            self._own.put(message.subject, stay)
