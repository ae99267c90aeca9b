"""What the gateway needs of a cache: a ticket per request, a lookup, a store. And the cache that is off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

import msgspec

from router.cache.administration import Administration
from router.cache.budget import Standing
from router.cache.disk.persistence import FileStatus
from router.cache.fingerprint import Fingerprint
from router.cache.index import FloatArray
from router.cache.judge import Judge, Verdict
from router.cache.rules import parse_cache_control
from router.types import CachedAnswer, ChatRequest

Embed = Callable[[str], FloatArray]
"""Text to a unit vector, float32 [dim]."""

Accept = Callable[[CachedAnswer], bool]
"""The caller's word on a semantic candidate; may be asked more than once, and from another thread."""


class Ticket(msgspec.Struct):
    """One request at the cache. ``bypass`` names the rule for which the cache stands aside, if one does.

    ``question`` is the text whose vector finds candidates, None where no rewording may hit. It is embedded at most
    once, and its turns are prepared for the verifier at most once: ``vector`` and ``prepared`` are kept for the store.
    ``similarity`` is the cosine, 0..1, of the nearest kept question, 0 as long as none was looked for.
    """

    keys: Fingerprint | None
    may_read: bool
    may_write: bool
    bypass: str | None = None
    max_age_s: float | None = None
    only_if_cached: bool = False
    question: str | None = None
    vector: FloatArray | None = None
    prepared: Any = None
    similarity: float = 0.0
    tenant: str = ""
    encoder: str = ""

    @property
    def may_share(self) -> bool:
        """Whether the answer that an equal request is just being given would do."""
        return self.may_read and self.may_write and not self.only_if_cached and self.max_age_s != 0

    @property
    def outcome(self) -> Literal["miss", "bypass"]:
        """What to report where the lookup gave nothing."""
        return "miss" if self.may_read else "bypass"


def standing_aside(bypass: str, cache_control: str | None, *, cache_only: bool = False) -> Ticket:
    """The ticket of a request that the cache leaves alone.

    Args:
        bypass: names the reason.
        cache_control: the request's ``cache-control`` header.
        cache_only: whether the caller takes a cached answer or none in any case.
    """
    only_if_cached = cache_only or parse_cache_control(cache_control).only_if_cached
    return Ticket(None, may_read=False, may_write=False, bypass=bypass, only_if_cached=only_if_cached)


class Hit(msgspec.Struct, frozen=True):
    """A kept answer that stands for this request. ``similarity``: 1.0 if exact, else the cosine of the questions.

    A semantic hit also says which entry answered (its exact key), for which turns, and by what verdict.
    """

    kind: Literal["exact", "semantic"]
    similarity: float
    answer: CachedAnswer
    age_s: float
    entry: bytes | None = None
    turns: tuple[str, ...] | None = None
    verdict: Verdict | None = None


class CacheStats(msgspec.Struct, frozen=True, kw_only=True):
    """What ``GET /cache/stats`` shows. ``hit_rate`` is hits over lookups; bypasses are no lookups.

    ``budget`` is the error budget of the tenant who asks.
    ``departed`` counts entries that left, by reason (see ``Departure``); ``evictions`` and ``expired`` are two of them.
    ``saved_usd`` is what the hits saved, as far as prices are known. ``unjudged`` counts those misses that had a
    candidate and did not wait for a verdict on it, since the verifier was busy.
    """

    enabled: bool = True
    entries: int = 0
    bytes: int = 0
    partitions: int = 0
    hits_exact: int = 0
    hits_semantic: int = 0
    misses: int = 0
    unjudged: int = 0
    bypasses: int = 0
    stored: int = 0
    not_stored: int = 0
    evictions: int = 0
    expired: int = 0
    errors: int = 0
    hit_rate: float = 0.0
    departed: dict[str, int] = {}
    saved_usd: float = 0.0
    file: FileStatus = FileStatus()
    budget: Standing | None = None


class Cache(Protocol):
    """What the gateway needs of a cache. No call of a request's raises.

    ``administration`` is for whoever runs the server; ``judge`` has the last word on rewordings.
    """

    administration: Administration
    judge: Judge

    def start(self) -> None:
        """Begin what goes on in the background."""
        ...

    def close(self) -> None:
        """Write down what is not yet. Blocks until then."""
        ...

    def ticket(
        self,
        *,
        tenant: str,
        policy: str,
        request: ChatRequest,
        body: Mapping[str, Any],
        cache_control: str | None = None,
        encoder: str = "",
    ) -> Ticket:
        """Make the keys of a request, and say what the cache may do with it."""
        ...

    def lookup(self, ticket: Ticket, embed: Embed, accept: Accept | None = None) -> Hit | None:
        """The exact step, then the semantic one."""
        ...

    def exact(self, ticket: Ticket) -> Hit | None:
        """The answer kept for this very request."""
        ...

    async def semantic(self, ticket: Ticket, embed: Embed, accept: Accept | None = None) -> Hit | None:
        """The answer kept for a rewording of this request; to be called where ``exact`` gave nothing."""
        ...

    def store(self, ticket: Ticket, answer: CachedAnswer, embed: Embed) -> bool:
        """Keep an answer, if the rules allow it. True when it was kept."""
        ...

    def stats(self) -> CacheStats:
        """Counts since the start, and what is held now."""
        ...

    def clear(self) -> int:
        """Let go of every answer; gives how many there were."""
        ...

    def evict(self, exact: bytes) -> bool:
        """Let go of the answer under a key; False where there is none."""
        ...


class NullCache:
    """A cache that is off: every request passes it by."""

    def __init__(self) -> None:
        self.judge = Judge()
        self.administration = Administration.of_nothing()

    def start(self) -> None:
        """Nothing to begin."""

    def close(self) -> None:
        """Nothing to write."""

    def ticket(
        self,
        *,
        tenant: str,
        policy: str,
        request: ChatRequest,
        body: Mapping[str, Any],
        cache_control: str | None = None,
        encoder: str = "",
    ) -> Ticket:
        """A ticket that stands aside."""
        return standing_aside("cache-off", cache_control)

    def lookup(self, ticket: Ticket, embed: Embed, accept: Accept | None = None) -> Hit | None:
        """Nothing."""
        return None

    def exact(self, ticket: Ticket) -> Hit | None:
        """Nothing."""
        return None

    async def semantic(self, ticket: Ticket, embed: Embed, accept: Accept | None = None) -> Hit | None:
        """Nothing."""
        return None

    def store(self, ticket: Ticket, answer: CachedAnswer, embed: Embed) -> bool:
        """Keep nothing."""
        return False

    def stats(self) -> CacheStats:
        """Only that the cache is off."""
        return CacheStats(enabled=False)

    def clear(self) -> int:
        """Nothing to let go of."""
        return 0

    def evict(self, exact: bytes) -> bool:
        """Nothing to let go of."""
        return False
