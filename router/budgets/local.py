"""Sums of this process alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import cast

from router.budgets.account import Account, Entry, Held, Short, fits
from router.budgets.periods import Span

NOTHING = Decimal(0)

SpentBefore = Callable[[Account], Awaitable[Decimal]]
"""What the ledger knows that an account's scope has spent since its period began."""


class LocalAccount(Account):
    """See ``Account``."""

    def __init__(self, name: str, span: Span) -> None:
        super().__init__(name, span)
        self._spent = NOTHING
        self._held = NOTHING
        self._answered = 0

    @property
    def spent(self) -> Decimal:
        """See ``Account``."""
        return self._spent

    @property
    def held(self) -> Decimal:
        """See ``Account``."""
        return self._held

    @property
    def answered(self) -> int:
        """See ``Account``."""
        return self._answered

    def begin(self, spent: Decimal) -> None:
        """What was spent before is known; told again, more may have been spent by who had no budget meanwhile."""
        self._spent = max(self._spent, spent)
        self.known = True

    def hold(self, usd: Decimal) -> None:
        """A request begins."""
        self._held += usd

    def settle(self, held: Decimal, usd: Decimal, *, answered: bool) -> None:
        """It has ended."""
        self._held -= held
        self._spent += usd
        self._answered += answered


class LocalSums:
    """See ``Sums``. Nothing is awaited between looking and holding, so that no two requests hold the same money.

    Args:
        spent_before: asked once for each account, when it is opened.
    """

    def __init__(self, spent_before: SpentBefore) -> None:
        self._spent_before = spent_before

    def account(self, name: str, span: Span) -> Account:
        """A new account."""
        return LocalAccount(name, span)

    async def open(self, account: Account) -> None:
        """Ask the ledger."""
        spent = await self._spent_before(account)
        # Another request may have been told meanwhile, and have spent since.
        if not account.known:
            cast(LocalAccount, account).begin(spent)

    async def refresh(self, account: Account) -> None:
        """There are no others."""

    async def hold(self, entries: Sequence[Entry], usd: Decimal) -> Held:
        """Hold in all, or in none."""
        for entry in entries:
            if not fits(entry.account.spent, entry.account.held, usd, entry.limit):
                raise Short(entry)
        accounts = [cast(LocalAccount, entry.account) for entry in entries]
        for account in accounts:
            account.hold(usd)
        return _LocallyHeld(accounts, usd)

    async def aclose(self) -> None:
        """Nothing is open."""


class _LocallyHeld:
    __slots__ = ("_accounts", "_usd")

    def __init__(self, accounts: Sequence[LocalAccount], usd: Decimal) -> None:
        self._accounts = accounts
        self._usd = usd

    def settle(self, usd: Decimal | None, *, answered: bool) -> None:
        accounts, self._accounts = self._accounts, ()
        for account in accounts:
            account.settle(self._usd, self._usd if usd is None else usd, answered=answered)
