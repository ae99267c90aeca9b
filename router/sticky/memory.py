"""Where it is kept which model answered which conversation last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from router.types import Route

KEPT_S = 3_600.0
"""Seconds that a conversation is remembered: by then every provider's default prompt cache has let go of it."""

MOST = 20_000
"""Conversations remembered at most, some 300 bytes each; the oldest go first."""


class Stay(Struct, frozen=True):
    """The last answer in a conversation: by which route and model, how many tokens prompt and answer had, and when.

    ``cached``: whether the provider said that its prompt cache was read or written.
    """

    route: Route
    model: str
    tokens: int
    at: float
    cached: bool = False


class Memory(Protocol):
    """Keeps stays by the digest of the conversation."""

    def get(self, key: bytes) -> Stay | None:
        """What is kept under a key; None where nothing is, or no more."""
        ...

    def put(self, key: bytes, stay: Stay) -> None:
        """Keep a stay, in the place of an earlier one."""
        ...


class InMemory:
    """Keeps stays in this process, until it ends.

    Args:
        clock: monotonic seconds, the same as in ``Stay.at``.
        kept_s: seconds that a stay is kept.
        most: stays that are kept at most.
    """

    def __init__(self, clock: Callable[[], float], *, kept_s: float = KEPT_S, most: int = MOST) -> None:
        self._clock = clock
        self._kept_s = kept_s
        self._most = most
        self._stays: OrderedDict[bytes, Stay] = OrderedDict()

    def get(self, key: bytes) -> Stay | None:
        """What is kept under a key; None where nothing is, or no more."""
        stay = self._stays.get(key)
        if stay is not None and self._clock() - stay.at > self._kept_s:
            del self._stays[key]
            return None
        return stay

    def put(self, key: bytes, stay: Stay) -> None:
        """Keep a stay, in the place of an earlier one; beyond ``most`` the oldest goes."""
        self._stays[key] = stay
        self._stays.move_to_end(key)
        if len(self._stays) > self._most:
            self._stays.popitem(last=False)
