"""What keeps budgets, and what stands in where there are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from msgspec import Struct

from router.principals import Scope
from router.scoring.curve import Curve
from router.types import Route


class Pace(Struct, frozen=True):
    """The least threshold at which a budget lasts, 0..1, and the name of the scope whose budget it is.

    ``each``: those of all scopes that have one.
    """

    threshold: float
    scope: str
    each: dict[str, float] = {}


class Decided(Struct, frozen=True):
    """How an answered request was decided, for who learns what traffic is like.

    ``route``: who answered; None where no route was chosen. ``win_rate`` and the ``threshold`` that it was compared
    with: None where nothing was scored. ``paced``: a pace had raised the threshold; ``paces``: of each scope that had
    one.
    """

    route: Route | None = None
    win_rate: float | None = None
    threshold: float | None = None
    paced: bool = False
    paces: dict[str, float] = {}

    def bar(self, scope: str) -> float:
        """The win rate below which the request would go to the weak model even if this scope's pace let it through.

        Below a pace the caller's own threshold is not known: taken for one that lets the request through.
        """
        threshold = self.threshold or 0.0
        if not self.paced or self.paces.get(scope, 0.0) < threshold:
            return threshold
        return max((pace for name, pace in self.paces.items() if name != scope), default=0.0)


class Observed(Struct, frozen=True):
    """A request of the past: when it came (aware), what it cost in US dollars, and how it was decided."""

    at: datetime
    usd: Decimal
    decided: Decided


class BudgetState(Struct, frozen=True, kw_only=True):
    """How a budget stands in the present period, in US dollars; times are aware UTC.

    ``pace``: the least threshold at present; None where the money lasts anyway. ``quality``: what the measured curve
    gives for it.
    """

    scope: str
    usd: Decimal
    spent: Decimal
    reserved: Decimal
    left: Decimal
    starts: datetime
    ends: datetime
    pace: float | None
    quality: float | None


class Reservation(Protocol):
    """Money that is held for one request, from the moment before a model is asked to its end."""

    def settle(self, usd: Decimal | None, decided: Decided | None) -> None:
        """The request has ended. Never blocks and never raises. Later calls do nothing.

        Args:
            usd: what it cost in truth; None where that is not known, and then the reserved amount counts.
            decided: how it was decided; None where no model answered, and then it costs nothing.
        """
        ...


class Budgets(Protocol):
    """Keeps what was spent in each scope's period, and holds money for requests under way."""

    @property
    def refused(self) -> Mapping[str, int]:
        """How often a budget had too little left for what a request was to be asked of, by the kind of scope."""
        ...

    async def require_unspent(self, scopes: Sequence[Scope]) -> None:
        """Turn a request away whose budget is spent already, before anything is done for it.

        The first request of a scope waits until it is known what was spent before.

        Raises:
            InsufficientQuota: naming whose budget it is, and when the next period begins.
            BudgetUnknown: the ledger does not say what was spent.
        """
        ...

    def pace(self, scopes: Sequence[Scope], curve: Curve) -> Pace | None:
        """The least threshold that the request may be decided by, so that the money lasts; None where it does anyway.

        Pure of effects and quick: it is asked for every request that is routed.
        """
        ...

    async def reserve(self, scopes: Sequence[Scope], usd: Decimal | None, *, route: Route | None) -> Reservation:
        """Hold money in all of the scopes, or in none.

        Args:
            scopes: what the request counts against.
            usd: what it is expected to cost; None where its price is not known, and then nothing is held.
            route: who is to be asked; None for embeddings.

        Raises:
            InsufficientQuota: one of them has less than that left.
            BudgetUnknown: the ledger does not say what was spent.
        """
        ...

    async def state(self, scope: Scope, curve: Curve) -> BudgetState | None:
        """How the budget of a scope stands; None where it has none.

        Raises:
            BudgetUnknown: the ledger does not say what was spent.
        """
        ...

    async def aclose(self) -> None:
        """Let go of whatever the sums are kept in."""
        ...


class Unbudgeted:
    """Lets everything be spent: for servers without budgets, and what is held there."""

    refused: Mapping[str, int] = {}

    async def require_unspent(self, scopes: Sequence[Scope]) -> None:
        """Nothing is ever spent."""

    def pace(self, scopes: Sequence[Scope], curve: Curve) -> Pace | None:
        """Money always lasts."""
        return None

    async def reserve(self, scopes: Sequence[Scope], usd: Decimal | None, *, route: Route | None) -> Reservation:
        """Hold nothing."""
        return self

    async def state(self, scope: Scope, curve: Curve) -> BudgetState | None:
        """There is no budget."""
        return None

    def settle(self, usd: Decimal | None, decided: Decided | None) -> None:
        """Nothing was held."""

    async def aclose(self) -> None:
        """Nothing is held."""
