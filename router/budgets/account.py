"""What one scope has spent in one period, and what keeps such sums: this process alone, or several servers together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol

from router.budgets.periods import Span


class Account:
    """One scope's money in one period, of every server as far as this one knows.

    ``known``: whether it is known what was spent before. ``revision``: of the scope, when that was asked for.

    Args:
        name: of the scope.
        span: the period.
    """

    def __init__(self, name: str, span: Span) -> None:
        self.name = name
        self.span = span
        self.begins = span.start.timestamp()
        self.until = span.end.timestamp()
        self.known = False
        self.revision = 0

    @property
    def spent(self) -> Decimal:
        """US dollars that requests have cost which have ended."""
        raise NotImplementedError

    @property
    def held(self) -> Decimal:
        """US dollars that are held for requests under way."""
        raise NotImplementedError

    @property
    def answered(self) -> int:
        """Requests that a model has answered."""
        raise NotImplementedError

    @property
    def start(self) -> datetime:
        """The first moment of the period, aware UTC."""
        return self.span.start


class Entry:
    """What one request is to hold of one account. ``limit``: what may be spent there; None: whatever it costs."""

    __slots__ = ("account", "limit")

    def __init__(self, account: Account, limit: Decimal | None) -> None:
        self.account = account
        self.limit = limit


class Short(Exception):
    """An account has less left than was asked for; nothing is held in any."""

    def __init__(self, entry: Entry) -> None:
        super().__init__()
        self.entry = entry


class Held(Protocol):
    """Money that is held in several accounts."""

    def settle(self, usd: Decimal | None, *, answered: bool) -> None:
        """Let go of it, and count what was spent in truth: US dollars, or what was held where None."""
        ...


class Sums(Protocol):
    """Keeps accounts."""

    def account(self, name: str, span: Span) -> Account:
        """A new account, of which nothing is known yet."""
        ...

    async def open(self, account: Account) -> None:
        """Learn what was spent before, so that the account is ``known``.

        Raises:
            UnderdogError: the ledger cannot be asked.
        """
        ...

    async def refresh(self, account: Account) -> None:
        """Learn what others have spent since, where that can be asked."""
        ...

    async def hold(self, entries: Sequence[Entry], usd: Decimal) -> Held:
        """Hold money in all of the accounts, which are known, or in none.

        Raises:
            Short: one of them has less than that left.
        """
        ...

    async def aclose(self) -> None:
        """Let go of whatever the sums are kept in."""
        ...


def fits(spent: Decimal, held: Decimal, usd: Decimal, limit: Decimal | None) -> bool:
    """Whether an account has so much left. What is spent to the last has not even room for what costs nothing."""
    return limit is None or (spent < limit and spent + held + usd <= limit)


def moment(seconds: float) -> datetime:
    """POSIX seconds as aware UTC."""
    return datetime.fromtimestamp(seconds, UTC)
