"""What keeps budgets, and what stands in where there are none."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

from msgspec import Struct

from router.principals import Scope
from router.scoring.curve import Curve
from router.types import Route


class Pace(Struct, frozen=True):
    """The least threshold at which a budget lasts, 0..1, and the name of the scope whose budget it is."""

    threshold: float
    scope: str


class Reservation(Protocol):
    """Money that is held for one request, from the moment before a model is asked to its end."""

    def settle(self, usd: Decimal | None, *, route: Route | None, win_rate: float | None) -> None:
        """The request has ended. Never blocks and never raises.

        Args:
            usd: what it cost in truth; None where that is not known, and then the reserved amount counts if a model
                was asked.
            route: who answered; None where nobody did.
            win_rate: what was estimated for it, for who learns from what traffic is like.
        """
        ...


class Budgets(Protocol):
    """Keeps what was spent in each scope's period, and holds money for requests under way."""

    def require_unspent(self, scopes: Sequence[Scope]) -> None:
        """Turn a request away whose budget is spent already, before anything is done for it.

        Raises:
            InsufficientQuota: naming whose budget it is, and when the next period begins.
        """
        ...

    def pace(self, scopes: Sequence[Scope], curve: Curve) -> Pace | None:
        """The least threshold that the request may be decided by, so that the money lasts; None where it does anyway.

        Pure of effects and quick: it is asked for every request that is routed.
        """
        ...

    async def reserve(self, scopes: Sequence[Scope], usd: Decimal | None) -> Reservation:
        """Hold money in all of the scopes, or in none.

        Args:
            scopes: what the request counts against.
            usd: what it is expected to cost; None where its price is not known.

        Raises:
            InsufficientQuota: one of them has less than that left.
        """
        ...

    async def aclose(self) -> None:
        """Let go of whatever the sums are kept in."""
        ...


class Unbudgeted:
    """Lets everything be spent: for servers without budgets, and what is held there."""

    def require_unspent(self, scopes: Sequence[Scope]) -> None:
        """Nothing is ever spent."""

    def pace(self, scopes: Sequence[Scope], curve: Curve) -> Pace | None:
        """Money always lasts."""
        return None

    async def reserve(self, scopes: Sequence[Scope], usd: Decimal | None) -> Reservation:
        """Hold nothing."""
        return self

    def settle(self, usd: Decimal | None, *, route: Route | None, win_rate: float | None) -> None:
        """Nothing was held."""

    async def aclose(self) -> None:
        """Nothing is held."""
