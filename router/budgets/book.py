"""What is kept of one scope: its account in the present period, and who paces it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal

from router.budgets.account import Account, Held, moment
from router.budgets.budgets import Decided
from router.budgets.pacer import Pacer
from router.budgets.periods import hour_of_week
from router.principals import Budget, Scope

NOTHING = Decimal(0)


class Book:
    """One scope: its account in the present period, and who paces it."""

    def __init__(self, scope: Scope, budget: Budget, account: Account) -> None:
        zone = budget.time_zone
        self.scope = scope
        self.budget = budget
        self.account = account
        self.opening: asyncio.Task[None] | None = None
        self.taught = False
        self.pacer = Pacer(lambda now: hour_of_week(moment(now), zone), period_s=account.span.seconds)
        self._counted = 0

    def turn(self, account: Account) -> None:
        """A new period: what was learned stays."""
        self.account, self.opening, self._counted = account, None, 0

    def begins(self, now: float) -> None:
        """It is known what the period has seen before."""
        self._counted = self.account.answered
        self.pacer.begins(now - self.account.begins, self._counted, float(self.account.spent))

    def learn_arrivals(self, now: float) -> None:
        """Requests that were answered since, by whatever server."""
        answered = self.account.answered
        if answered > self._counted:
            self.pacer.demand.arrived(now, answered - self._counted)
        self._counted = answered


class Reserved:
    """See ``Reservation``."""

    __slots__ = ("_books", "_clock", "_held", "_usd")

    def __init__(self, clock: Callable[[], float], books: Sequence[Book], held: Held, usd: Decimal) -> None:
        self._clock = clock
        self._books = books
        self._held = held
        self._usd = usd

    def settle(self, usd: Decimal | None, decided: Decided | None) -> None:
        """See ``Reservation``."""
        books, self._books = self._books, ()
        if decided is None:
            self._held.settle(NOTHING, answered=False)
            return
        self._held.settle(usd, answered=True)
        now = self._clock()
        cost = float(self._usd if usd is None else usd)
        for book in books:
            if book.budget.pace:
                book.pacer.answered(cost, decided, decided.bar(book.scope.name))
                book.learn_arrivals(now)
