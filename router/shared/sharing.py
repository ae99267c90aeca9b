"""All that shared state goes through: the link to Redis, what is told to other servers, and what they tell."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Sequence

from router.settings import Settings
from router.shared.address import Address
from router.shared.follower import Follower
from router.shared.outbox import Outbox
from router.shared.redis_link import RedisLink
from router.shared.status import SharedStatus
from router.shared.streams import (
    APPEND,
    APPEND_NEWS,
    CACHE,
    DELETE,
    LARGEST_PAYLOAD,
    MOST_NEWS,
    NEWS,
    NEWS_KEPT_S,
    STATE,
    Handler,
    Position,
    written,
)

FAREWELL_S = 1.0
LONGEST_KEPT_S = 10 * 365 * 86_400.0


class Sharing:
    """The way to the other servers.

    Args:
        address: where Redis is.
        prefix: what the names of all keys begin with.
        most_messages: messages that are kept about the cache.
        most_bytes: bytes that they may take.
        kept_s: seconds that they are kept.
    """

    def __init__(self, address: Address, *, prefix: str, most_messages: int, most_bytes: int, kept_s: float) -> None:
        chance = random.Random()  # noqa: S311 - no secret hangs on it
        self.origin = secrets.token_bytes(8)
        self.link = RedisLink(address, prefix=prefix, chance=chance)
        self.outbox = Outbox(self.link)
        self.follower = Follower(
            address, key=self.link.key, origin=self.origin, is_up=lambda: self.link.up, chance=chance
        )
        self.follower.follow(CACHE)
        self.follower.follow(NEWS, _lately)
        self._bounds = (most_messages, most_bytes, max(1, int(min(kept_s, LONGEST_KEPT_S) * 1000)))

    @classmethod
    def of(cls, settings: Settings, url: str) -> Sharing:
        """By the settings.

        Raises:
            SettingsError: ``redis_url`` is no address of Redis.
        """
        return cls(
            Address(url),
            prefix=settings.redis_prefix,
            most_messages=settings.cache_max_entries,
            most_bytes=int(settings.redis_max_mb * 1_000_000),
            kept_s=settings.cache_ttl_s,
        )

    def publish(self, stream: str, kind: bytes, payload: bytes, *, subject: bytes = b"", must: bool = False) -> None:
        """Tell other servers soon. Never blocks and never raises; any thread may call it.

        Args:
            stream: ``CACHE`` or ``NEWS``.
            kind: of message, with its version: those who do not know it pass it by.
            payload: the message. One above ``LARGEST_PAYLOAD`` is not told.
            subject: what it is about.
            must: whether it waits for Redis before all others where that is away.
        """
        if len(payload) > LARGEST_PAYLOAD:
            return
        head = (self.origin, kind, subject, payload)
        if stream == CACHE:
            self.outbox.put(APPEND, (CACHE, STATE), (*head, *self._bounds), must=must)
        else:
            self.outbox.put(APPEND_NEWS, (stream,), (*head, MOST_NEWS, int(NEWS_KEPT_S * 1000)), must=must)

    def delete(self, places: Sequence[Position]) -> None:
        """Take messages out of ``CACHE`` soon: nobody is to read them any more."""
        self.outbox.put(DELETE, (CACHE, STATE), tuple(map(written, places)), must=True)

    def on(self, stream: str, kind: bytes, handler: Handler) -> None:
        """Take in messages of a kind, this server's own ones included. To be called before ``start``."""
        self.follower.on(stream, kind, handler)

    def status(self) -> SharedStatus:
        """How it goes."""
        return SharedStatus(
            state="up" if self.link.up else "away",
            lag_s=round(self.follower.lag_s, 3),
            received=self.follower.received,
            skipped=self.follower.skipped,
            published=self.outbox.sent,
            dropped=self.outbox.dropped,
            waiting=len(self.outbox),
        )

    async def start(self) -> None:
        """Begin to connect; waits for nobody."""
        self.outbox.start()
        await self.link.start()
        self.follower.start()

    async def aclose(self) -> None:
        """Say what waits, as far as it takes no more than a moment, and let go. May be called twice."""
        await self.follower.aclose()
        await self.outbox.aclose(FAREWELL_S)
        await self.link.aclose()


def _lately() -> Position:
    # A minute more, since the clock of Redis may be another.
    return int((time.time() - NEWS_KEPT_S - 60) * 1000), 0
