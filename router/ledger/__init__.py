"""The ledger: what each request cost, what the strong model would have cost, and the totals that `/stats` reports."""

from router.ledger.ledger import Ledger
from router.ledger.reports import Percentiles, Stats

__all__ = ["Ledger", "Percentiles", "Stats"]
