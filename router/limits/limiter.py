"""What a limiter is, and the one that lets everybody in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from router.principals import Scope


class Taken(Protocol):
    """What one request holds of the limits, from its admission to its end."""

    @property
    def headers(self) -> dict[str, str]:
        """The ``x-ratelimit-*`` headers of the scope that is nearest to its limit; none without limits."""
        ...

    def settle(self, tokens: int | None) -> None:
        """The request has ended: its place is free, and its true tokens count in the place of the estimate.

        Never blocks and never raises. ``tokens``: of prompt and answer; None where no model was asked, and then none
        count.
        """
        ...


class Limiter(Protocol):
    """Counts requests and tokens against limits."""

    async def take(self, scopes: Sequence[Scope], *, tokens: int) -> Taken:
        """Admit one request to all of the scopes, or to none.

        Args:
            scopes: what it counts against.
            tokens: the estimate for prompt and answer, reserved until ``Taken.settle``.

        Raises:
            RateLimited: one of them is full.
        """
        ...

    def preload(self) -> None:
        """Import what counting needs. Run it in a thread after the start."""
        ...

    async def start(self) -> None:
        """Begin to follow whatever the counters are kept in."""
        ...

    async def aclose(self) -> None:
        """Let go of whatever the counters are kept in."""
        ...


class Unlimited:
    """Lets everybody in: for servers without keys, and what is taken there."""

    @property
    def headers(self) -> dict[str, str]:
        """There are no limits to tell of."""
        return {}

    async def take(self, scopes: Sequence[Scope], *, tokens: int) -> Taken:
        """Admit the request."""
        return self

    def settle(self, tokens: int | None) -> None:
        """Nothing was counted."""

    def preload(self) -> None:
        """Nothing is needed."""

    async def start(self) -> None:
        """Nothing is followed."""

    async def aclose(self) -> None:
        """Nothing is held."""
