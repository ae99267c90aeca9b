"""One of several servers that share what they know by Redis."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable

from router.cache import Cache, SemanticCache, elapsed_s
from router.cache.flights import Elsewhere
from router.cache.leases import Leases
from router.cache.peers import Peers
from router.cache.replication import Reception, Replication
from router.settings import Settings
from router.shared.link import Link
from router.shared.sharing import Sharing
from router.shared.status import SharedStatus
from router.sticky import InMemory, Memory
from router.sticky.shared_memory import SharedMemory
from router.upstream.base import Upstream
from router.upstream.pool.hints import Hints


class OneOfSeveral:
    """Implements `router.replicas.Replicas`.

    Args:
        settings: of this server.
        url: where Redis is.

    Raises:
        SettingsError: ``url`` is no address of Redis.
    """

    def __init__(self, settings: Settings, url: str) -> None:
        self._sharing = sharing = Sharing.of(settings, url)
        self.link: Link | None = sharing.link
        self.peers: Peers = Replication(sharing, elapsed_s)
        self.memory: Memory = SharedMemory(InMemory(time.monotonic), sharing, time.monotonic)
        self._leases = Leases(sharing, random.Random())  # noqa: S311 - no secret hangs on it
        self.elsewhere: Elsewhere = self._leases
        self._hints: Hints | None = None

    def join(self, cache: Cache, upstreams: Iterable[Upstream]) -> None:
        """Let the others' answers come to this cache, and share how these upstreams fare."""
        if isinstance(cache, SemanticCache):
            Reception(self._sharing, cache)
            self._leases.listen()
        self._hints = Hints(upstreams, self._sharing)

    def watch(self, upstreams: Iterable[Upstream]) -> None:
        """Share how these upstreams fare from now on."""
        if self._hints is not None:
            self._hints.watch(upstreams)

    def status(self) -> SharedStatus | None:
        """How sharing goes."""
        return self._sharing.status()

    async def start(self) -> None:
        """Begin to connect."""
        await self._sharing.start()

    async def aclose(self) -> None:
        """Say what waits, and let go."""
        await self._sharing.aclose()
