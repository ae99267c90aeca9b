"""What a server needs to know of the others, and the one that has none."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Protocol

from router.cache import Cache
from router.cache.flights import Elsewhere, NoneElsewhere
from router.cache.peers import NoPeers, Peers
from router.shared.link import Link
from router.shared.status import SharedStatus
from router.sticky import InMemory, Memory
from router.upstream.base import Upstream


class Replicas(Protocol):
    """This server's relation to others that answer for the same address.

    ``link``: to what they share; None where there are no others. ``peers``: what the cache tells them. ``memory``: of
    who answered which conversation. ``elsewhere``: where equal requests may be under way.
    """

    link: Link | None
    peers: Peers
    memory: Memory
    elsewhere: Elsewhere

    def join(self, cache: Cache, upstreams: Iterable[Upstream]) -> None:
        """Let the others' answers come to this cache, and share how these upstreams fare. Before ``start``."""
        ...

    def watch(self, upstreams: Iterable[Upstream]) -> None:
        """Share how these upstreams fare from now on, instead of those before."""
        ...

    def status(self) -> SharedStatus | None:
        """How sharing goes; None where nothing is shared."""
        ...

    async def start(self) -> None:
        """Begin to share; waits for nobody."""
        ...

    async def aclose(self) -> None:
        """Tell the others what they do not know yet, as far as it takes no more than a moment, and leave."""
        ...


class Alone:
    """A server without others."""

    def __init__(self) -> None:
        self.link: Link | None = None
        self.peers: Peers = NoPeers()
        self.memory: Memory = InMemory(time.monotonic)
        self.elsewhere: Elsewhere = NoneElsewhere()

    def join(self, cache: Cache, upstreams: Iterable[Upstream]) -> None:
        """There is nobody to hear from."""

    def watch(self, upstreams: Iterable[Upstream]) -> None:
        """There is nobody to tell."""

    def status(self) -> SharedStatus | None:
        """Nothing is shared."""
        return None

    async def start(self) -> None:
        """There is nobody to find."""

    async def aclose(self) -> None:
        """There is nobody to leave."""
