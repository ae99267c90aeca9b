"""Money for a day, a week or a month: reserved, settled, and paced so that it lasts."""

from router.budgets.budgets import Budgets, Pace, Reservation, Unbudgeted

__all__ = ["Budgets", "Pace", "Reservation", "Unbudgeted"]
