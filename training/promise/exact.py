"""Clopper and Pearson's exact bound on a share, turned round: how many cases may there be among so many."""

from __future__ import annotations

import math


def most_cases(rows: int, share: float, *, level: float) -> int:
    """The most cases among ``rows`` that still show, at ``level``, that the share behind them is at most ``share``.

    It is the largest k for which k or fewer cases have a chance of at most ``level`` where the true share is
    ``share``: Clopper and Pearson's upper bound at k lies at or below ``share``. -1 where even none would not do.
    """
    from scipy.stats import binom

    # ppf gives the least k with a chance of at least ``level``: one case fewer has less, and so has k itself at a tie.
    least = int(binom.ppf(level, rows, share))
    return least if binom.cdf(least, rows, share) <= level else least - 1


def fewest_rows(share: float, *, level: float) -> int:
    """How many rows without a single case it takes to show, at ``level``, that a share is at most ``share``, 0..1."""
    return math.ceil(math.log(level) / math.log1p(-share))
