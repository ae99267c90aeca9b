"""What the gateway needs of a cache: a ticket per request, a lookup, a store. And the cache that is off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

import msgspec

from router.cache.fingerprint import Fingerprint
from router.cache.index import FloatArray
from router.types import CachedAnswer, ChatRequest

Embed = Callable[[str], FloatArray]
"""Text to a unit vector, float32 [dim]."""

Accept = Callable[[CachedAnswer], bool]
"""The caller's last word on a semantic candidate."""


class Ticket(msgspec.Struct):
    """One request at the cache. ``bypass`` names the rule for which the cache stands aside, if one does.

    The question is embedded and prepared for the verifier at most once: ``vector`` and ``prepared`` are kept for the
    store.
    """

    keys: Fingerprint | None
    may_read: bool
    may_write: bool
    bypass: str | None = None
    max_age_s: float | None = None
    vector: Any = None
    prepared: Any = None

    @property
    def question(self) -> str | None:
        """The text to embed, where a rewording of it may hit."""
        return self.keys.question if self.keys is not None else None

    @property
    def outcome(self) -> Literal["miss", "bypass"]:
        """What to report where the lookup gave nothing."""
        return "miss" if self.may_read else "bypass"


class Hit(msgspec.Struct, frozen=True):
    """A kept answer that stands for this request. ``similarity``: 1.0 if exact, else the cosine of the questions."""

    kind: Literal["exact", "semantic"]
    similarity: float
    answer: CachedAnswer
    age_s: float


class CacheStats(msgspec.Struct, frozen=True, kw_only=True):
    """What ``GET /cache/stats`` shows. ``hit_rate`` is hits over lookups; bypasses are no lookups."""

    enabled: bool = True
    entries: int = 0
    bytes: int = 0
    partitions: int = 0
    hits_exact: int = 0
    hits_semantic: int = 0
    misses: int = 0
    bypasses: int = 0
    stored: int = 0
    not_stored: int = 0
    evictions: int = 0
    expired: int = 0
    errors: int = 0
    hit_rate: float = 0.0


class Cache(Protocol):
    """What the gateway needs of a cache. No call raises."""

    def ticket(
        self,
        *,
        tenant: str,
        policy: str,
        request: ChatRequest,
        body: Mapping[str, Any],
        cache_control: str | None = None,
    ) -> Ticket:
        """Make the keys of a request, and say what the cache may do with it."""
        ...

    def lookup(self, ticket: Ticket, embed: Embed, accept: Accept | None = None) -> Hit | None:
        """The exact step, then the semantic one."""
        ...

    def exact(self, ticket: Ticket) -> Hit | None:
        """The answer kept for this very request."""
        ...

    def semantic(self, ticket: Ticket, embed: Embed, accept: Accept | None = None) -> Hit | None:
        """The answer kept for a rewording of this question; to be called where ``exact`` gave nothing."""
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


class NullCache:
    """A cache that is off: every request passes it by."""

    def ticket(
        self,
        *,
        tenant: str,
        policy: str,
        request: ChatRequest,
        body: Mapping[str, Any],
        cache_control: str | None = None,
    ) -> Ticket:
        """A ticket that stands aside."""
        return Ticket(None, may_read=False, may_write=False, bypass="cache-off")

    def lookup(self, ticket: Ticket, embed: Embed, accept: Accept | None = None) -> Hit | None:
        """Nothing."""
        return None

    def exact(self, ticket: Ticket) -> Hit | None:
        """Nothing."""
        return None

    def semantic(self, ticket: Ticket, embed: Embed, accept: Accept | None = None) -> Hit | None:
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
