"""The budgets of a server: who has what left, whose threshold is raised, and who is turned away."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from router.budgets.account import Account, Entry, Short, Sums, moment
from router.budgets.book import NOTHING, Book, Reserved
from router.budgets.budgets import BudgetState, Observed, Pace, Reservation, Unbudgeted
from router.budgets.local import LocalSums
from router.budgets.periods import span_of
from router.budgets.refusal import cannot_be_known, refusal
from router.budgets.shared import SharedSums
from router.errors import UnderdogError
from router.principals import Budget, Scope
from router.scoring.curve import Curve
from router.shared.link import Link
from router.types import Route

logger = logging.getLogger("underdog.budgets")

Spent = Callable[[Scope, datetime], Awaitable[Decimal]]
"""What the ledger knows a scope to have spent since an aware moment, in US dollars."""

Recall = Callable[[Scope, datetime], Awaitable[Iterable[Observed]]]
"""What the ledger knows of a scope's requests since then, in order."""

RECALLED_S = 14 * 86_400.0
"""Seconds of traffic that are recalled after a start."""

MOST_PACED_USD = Decimal(10) ** 15
"""A budget beyond this is none to pace by."""

PATIENCE_S = 10.0
PAUSE_S = 0.25
"""Seconds for which the ledger is asked again before a request fails, and between two attempts."""

SWEEP_S = 3600.0


class KeptBudgets:
    """See ``Budgets``.

    Args:
        spent: asked once for each scope and period; the first request waits for it.
        link: to Redis, where several servers share budgets.
        recall: told to who learns what traffic is like, after a start.
        clock: POSIX seconds.
    """

    def __init__(
        self,
        *,
        spent: Spent,
        link: Link | None = None,
        recall: Recall | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._spent = spent
        self._recall = recall
        self._clock = clock
        self._sums: Sums = (
            LocalSums(self._spent_before) if link is None else SharedSums(link, self._spent_before, clock=clock)
        )
        self.refused: Counter[str] = Counter(server=0, team=0, key=0)
        self._books: dict[str, Book] = {}
        self._swept = clock()

    async def require_unspent(self, scopes: Sequence[Scope]) -> None:
        """Turn a request away whose budget is spent already."""
        for scope in scopes:
            if scope.budget is None:
                continue
            book = self._book(scope, scope.budget)
            if scope.revision > book.account.revision:
                # It may have had no budget for a while, or one for another period: the ledger knows what was spent.
                book.account.revision, book.account.known = scope.revision, False
            if not book.account.known:
                await self._opened(book)
            if scope.budget.when_spent == "refuse" and book.account.spent >= scope.budget.usd:
                self.refused[scope.kind] += 1
                raise refusal(scope, scope.budget, book.account, now=self._clock())

    def pace(self, scopes: Sequence[Scope], curve: Curve) -> Pace | None:
        """The highest of the scopes' thresholds."""
        each: dict[str, float] = {}
        for scope in scopes:
            if scope.budget is None:
                continue
            threshold = self._threshold(self._book(scope, scope.budget), scope.budget, curve)
            if threshold is not None:
                each[scope.name] = threshold
        if not each:
            return None
        highest = max(each, key=each.__getitem__)
        return Pace(each[highest], highest, each)

    async def reserve(self, scopes: Sequence[Scope], usd: Decimal | None, *, route: Route | None) -> Reservation:
        """Hold money in all of the scopes, or in none."""
        books = [self._book(scope, scope.budget) for scope in scopes if scope.budget is not None]
        if not books:
            return NOTHING_KEPT
        for book in books:
            if not book.account.known:
                await self._opened(book)
        entries = [Entry(book.account, _limit(book.budget, route)) for book in books]
        amount = usd or NOTHING
        try:
            held = await self._sums.hold(entries, amount)
        except Short as short:
            book = books[entries.index(short.entry)]
            self.refused[book.scope.kind] += 1
            raise refusal(book.scope, book.budget, book.account, now=self._clock(), usd=amount) from None
        return Reserved(self._clock, books, held, amount)

    async def state(self, scope: Scope, curve: Curve) -> BudgetState | None:
        """How a scope's budget stands; None where it has none."""
        if scope.budget is None:
            return None
        book = self._book(scope, scope.budget)
        if not book.account.known:
            await self._opened(book)
        await self._sums.refresh(book.account)
        account, usd = book.account, scope.budget.usd
        threshold = self._threshold(book, scope.budget, curve)
        return BudgetState(
            scope=scope.name,
            usd=usd,
            spent=account.spent,
            reserved=account.held,
            left=max(NOTHING, usd - account.spent - account.held),
            starts=account.span.start,
            ends=account.span.end,
            pace=threshold,
            quality=None if threshold is None else curve.quality_at(threshold),
        )

    async def aclose(self) -> None:
        """Let go of whatever the sums are kept in."""
        for book in self._books.values():
            if book.opening is not None:
                book.opening.cancel()
        await self._sums.aclose()

    def _threshold(self, book: Book, budget: Budget, curve: Curve) -> float | None:
        account = book.account
        if not account.known:
            return None
        left = budget.usd - account.spent - account.held
        if budget.when_spent == "weak" and left <= 0:
            return 1.0
        if not budget.pace or budget.usd > MOST_PACED_USD:
            return None
        now = self._clock()
        book.learn_arrivals(now)
        return book.pacer.threshold(now, left=float(left), budget=float(budget.usd), until=account.until, curve=curve)

    def _book(self, scope: Scope, budget: Budget) -> Book:
        """What is kept of a scope, in the period of this moment."""
        now = self._clock()
        book = self._books.get(scope.name)
        if book is not None and book.budget is budget and book.account.begins <= now < book.account.until:
            return book
        self._sweep(now)
        return self._renewed(book, scope, budget, now)

    def _renewed(self, book: Book | None, scope: Scope, budget: Budget, now: float) -> Book:
        """The book of a scope whose period, or whose budget, is another one than before."""
        span = span_of(budget, moment(now))
        if book is None or (book.budget.period, book.budget.time_zone) != (budget.period, budget.time_zone):
            book = self._books[scope.name] = Book(scope, budget, self._sums.account(scope.name, span))
        elif book.account.span != span:
            book.turn(self._sums.account(scope.name, span))
        book.scope, book.budget = scope, budget
        return book

    def _sweep(self, now: float) -> None:
        """Forget scopes of which nothing was asked in their newest period."""
        if now - self._swept < SWEEP_S:
            return
        self._swept = now
        self._books = {name: book for name, book in self._books.items() if book.account.until + RECALLED_S > now}

    async def _opened(self, book: Book) -> None:
        """Wait until it is known what was spent before; many requests wait for one answer."""
        if book.opening is None:
            book.opening = asyncio.get_running_loop().create_task(self._open(book, book.account))
        await asyncio.shield(book.opening)

    async def _open(self, book: Book, account: Account) -> None:
        try:
            await self._taught(book)
            await self._asked_again(account)
            book.begins(self._clock())
        finally:
            book.opening = None

    async def _asked_again(self, account: Account) -> None:
        """Ask the ledger until it answers.

        Raises:
            BudgetUnknown: it does not.
        """
        gives_up = time.monotonic() + PATIENCE_S
        while True:
            try:
                return await self._sums.open(account)
            except UnderdogError:
                if time.monotonic() > gives_up:
                    raise cannot_be_known() from None
                await asyncio.sleep(PAUSE_S)

    async def _taught(self, book: Book) -> None:
        """Let who paces a scope begin with what the ledger knows of its traffic; without it, it learns as it goes."""
        if self._recall is None or book.taught:
            return
        book.taught = True
        try:
            for seen in await self._recall(book.scope, moment(self._clock() - RECALLED_S)):
                at = seen.at.timestamp()
                book.pacer.demand.arrived(at)
                book.pacer.answered(float(seen.usd), seen.decided, seen.decided.bar(book.scope.name))
        except UnderdogError as error:
            logger.warning("what traffic %s had is not known: %s", book.scope.name, error)

    async def _spent_before(self, account: Account) -> Decimal:
        book = self._books[account.name]
        return await self._spent(book.scope, account.start)


NOTHING_KEPT = Unbudgeted()


def _limit(budget: Budget, route: Route | None) -> Decimal | None:
    """What a request may spend at most: the weak model answers on, where that is what becomes of a spent budget."""
    return None if route == "weak" and budget.when_spent == "weak" else budget.usd
