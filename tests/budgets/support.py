"""Scopes with money, a ledger that says what it is told to, and a clock that a test sets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from router.budgets import Decided, KeptBudgets
from router.principals import Budget, Scope
from router.scoring.curve import Curve, CurvePoints

STRONG = Decided("strong", 0.8, 0.7)
WEAK = Decided("weak", 0.6, 0.7)

CURVE = Curve(
    CurvePoints(threshold=[0.7, 0.75, 0.8, 0.85], strong_share=[0.9, 0.6, 0.3, 0.1], quality=[0.9, 0.7, 0.4, 0.2])
)

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC).timestamp()
"""A Wednesday."""


def scope(usd: str | int = 1, name: str = "key:ada", **budget: Any) -> Scope:
    kind, _, id_ = name.partition(":")
    return Scope(kind=kind, id=id_, budget=Budget(usd=Decimal(usd), **budget))  # type: ignore[arg-type]


class Clock:
    """POSIX seconds that stand still unless they are moved."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class SpentBefore:
    """Stands for the ledger: what it says of each scope, and how often it was asked."""

    def __init__(self, **usd: str) -> None:
        self.usd = {name.replace("_", ":"): Decimal(amount) for name, amount in usd.items()}
        self.asked: list[tuple[str, datetime]] = []

    async def __call__(self, scope: Scope, since: datetime) -> Decimal:
        self.asked.append((scope.name, since))
        return self.usd.get(scope.name, Decimal(0))


def kept(spent: SpentBefore | None = None, clock: Callable[[], float] | None = None, **more: Any) -> KeptBudgets:
    return KeptBudgets(spent=spent or SpentBefore(), clock=clock or Clock(), **more)
