"""What a cache tells the other servers, and what stands in where there are none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from router.cache.account import Trial
from router.cache.index import FloatArray
from router.cache.inventory import Selection
from router.cache.store import Entry


class Peers(Protocol):
    """The other servers. No call waits for them, and none raises; any thread may call."""

    def kept(self, entry: Entry, vector: FloatArray | None) -> None:
        """An entry was stored here."""
        ...

    def gone(self, keys: Sequence[bytes]) -> None:
        """Somebody wants the entries under these keys to be let go of."""
        ...

    def swept(self, selection: Selection) -> None:
        """Somebody wants all entries that are meant to be let go of, also those that are not here."""
        ...

    def banned(self, entry: bytes, asked: bytes) -> None:
        """What is kept under one key must never answer the request of the other."""
        ...

    def served(self, tenant: str, verifier: str, trial: Trial) -> None:
        """A rewording was answered here."""
        ...

    def rated(self, tenant: str, verifier: str, trial: Trial) -> None:
        """An answered rewording was rated here."""
        ...


class NoPeers:
    """A server that is alone."""

    def kept(self, entry: Entry, vector: FloatArray | None) -> None:
        """Nobody to tell."""

    def gone(self, keys: Sequence[bytes]) -> None:
        """Nobody to tell."""

    def swept(self, selection: Selection) -> None:
        """Nobody to tell."""

    def banned(self, entry: bytes, asked: bytes) -> None:
        """Nobody to tell."""

    def served(self, tenant: str, verifier: str, trial: Trial) -> None:
        """Nobody to tell."""

    def rated(self, tenant: str, verifier: str, trial: Trial) -> None:
        """Nobody to tell."""
