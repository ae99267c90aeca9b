"""Money for a day, a week or a month: reserved, settled, and paced so that it lasts."""

from router.budgets.budgets import Budgets, BudgetState, Decided, Observed, Pace, Reservation, Unbudgeted
from router.budgets.keeper import KeptBudgets

__all__ = [
    "BudgetState",
    "Budgets",
    "Decided",
    "KeptBudgets",
    "Observed",
    "Pace",
    "Reservation",
    "Unbudgeted",
]
