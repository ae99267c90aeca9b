"""What is said to a caller for whom there is no money left."""

from __future__ import annotations

from decimal import Decimal

from router.budgets.account import Account
from router.errors import BudgetUnknown, InsufficientQuota
from router.principals import Budget, Scope

LARGE = Decimal(10) ** 15
"""Dollars from which on cents are not shown."""


def refusal(
    scope: Scope, budget: Budget, account: Account, *, now: float, usd: Decimal | None = None
) -> InsufficientQuota:
    """Why a request is turned away: whose budget, how much of it there was, and when the next period begins.

    Args:
        scope: whose it is.
        budget: how much, and for how long.
        account: what was spent of it.
        now: POSIX seconds.
        usd: what the request may cost, where there is something left.
    """
    whole = f"The budget of {_whose(scope)}, ${_shown(budget.usd)} a {budget.period},"
    left = budget.usd - account.spent - account.held
    if usd is None or left <= 0:
        said = f"{whole} is spent."
    else:
        said = f"{whole} has ${_shown(left)} left, and this request may cost ${_shown(usd)}."
    next_one = f"The next {budget.period} begins at {account.span.end:%Y-%m-%dT%H:%M:%SZ}"
    return InsufficientQuota(
        f"{said} {next_one}; whoever runs this server can raise the budget.", retry_after_s=account.until - now
    )


def cannot_be_known() -> BudgetUnknown:
    """Why a request is turned away whose scope's sums cannot be read."""
    return BudgetUnknown("The ledger does not say what was spent so far of a budget that this request counts against.")


def _whose(scope: Scope) -> str:
    return {"server": "this server", "team": f"team '{scope.id}'", "key": "your key"}[scope.kind]


def _shown(usd: Decimal) -> str:
    """Dollars as people write them: whole ones, or with cents, and with what is smaller where there is any."""
    if abs(usd) >= LARGE:
        return f"{usd:.0f}"
    text = f"{usd:.6f}".rstrip("0")
    whole, _, cents = text.partition(".")
    return f"{whole}.{cents.ljust(2, '0')}" if cents else whole
