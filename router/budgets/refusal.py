"""What is said to a caller for whom there is no money left."""

from __future__ import annotations

from decimal import Decimal

from router.budgets.account import Account
from router.errors import BudgetUnknown, InsufficientQuota
from router.principals import Budget, Scope

NOTHING = Decimal(0)

LARGE = Decimal(10) ** 15
"""Dollars from which on cents are not shown."""

SMALL = Decimal("0.000001")
"""Dollars below which all decimals are shown."""


def refusal(
    scope: Scope, budget: Budget, account: Account, *, now: float, usd: Decimal | None = None
) -> InsufficientQuota:
    """Why a request is turned away: whose budget, how much of its own there was, and when the next period begins.

    Args:
        scope: whose it is.
        budget: how much, and for how long.
        account: what was spent of it.
        now: POSIX seconds.
        usd: what the request may cost, where there is something left.
    """
    left = budget.usd - account.spent - account.held
    is_spent = usd is None or left <= 0
    if scope.kind == "server":
        # What all of its callers may spend, and have spent, is none of each one's business.
        said = f"The budget of this server {'is spent' if is_spent else 'has too little left for this request'}."
    elif is_spent:
        said = f"{_whole(scope, budget)} is spent."
    else:
        said = f"{_whole(scope, budget)} has ${_shown(left)} left, and this request may cost ${_shown(usd or NOTHING)}."
    next_one = f"The next {budget.period} begins at {account.span.end:%Y-%m-%dT%H:%M:%SZ}"
    return InsufficientQuota(
        f"{said} {next_one}; whoever runs this server can raise the budget.", retry_after_s=account.until - now
    )


def cannot_be_known() -> BudgetUnknown:
    """Why a request is turned away whose scope's sums cannot be read."""
    return BudgetUnknown("The ledger does not say what was spent so far of a budget that this request counts against.")


def _whole(scope: Scope, budget: Budget) -> str:
    whose = f"team '{scope.title or scope.id}'" if scope.kind == "team" else "your key"
    return f"The budget of {whose}, ${_shown(budget.usd)} a {budget.period},"


def _shown(usd: Decimal) -> str:
    """Dollars as people write them: whole ones, or with cents, and with what is smaller where there is any."""
    if abs(usd) >= LARGE:
        return f"{usd:.0f}"
    text = (f"{usd:.6f}" if not usd or abs(usd) >= SMALL else f"{usd:f}").rstrip("0")
    whole, _, cents = text.partition(".")
    return f"{whole}.{cents.ljust(2, '0')}" if cents else whole
