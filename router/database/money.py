"""Exact sums of decimal text, for engines whose own sums are floats."""

from __future__ import annotations

from decimal import Context, Decimal

_ZERO = Decimal(0)
# Wide enough that no sum of real amounts is rounded: 10^39 dollars with 24 decimals.
EXACT = Context(prec=64)


def exact_add(one: str | None, other: str | None) -> str | None:
    """The sum of two amounts; None where either is not known."""
    if one is None or other is None:
        return None
    return one if other == "0" else format(EXACT.add(Decimal(one), Decimal(other)), "f")


class ExactSum:
    """An aggregate function of SQLite: the sum of the amounts that are known; None where none is, as of SQL's SUM."""

    def __init__(self) -> None:
        self._sum: Decimal | None = None

    def step(self, amount: str | None) -> None:
        """One more amount."""
        if amount is not None:
            self._sum = EXACT.add(self._sum or _ZERO, Decimal(amount))

    def finalize(self) -> str | None:
        """What they come to."""
        return None if self._sum is None else format(self._sum, "f")
