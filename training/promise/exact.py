"""Exact bounds on a share, turned round: how many cases may there be among so many rows.

Clopper and Pearson's, for the share behind the rows; and its like for the share among so many rows to come, which have
luck of their own.
"""

from __future__ import annotations

import math
from bisect import bisect_left


def most_cases(rows: int, share: float, *, level: float) -> int:
    """The most cases among ``rows`` that still show, at ``level``, that the share behind them is at most ``share``.

    It is the largest k for which k or fewer cases have a chance of at most ``level`` where the true share is
    ``share``: Clopper and Pearson's upper bound at k lies at or below ``share``. -1 where even none would not do.
    """
    from scipy.stats import binom

    # ppf gives the least k with a chance of at least ``level``: one case fewer has less, and so has k itself at a tie.
    least = int(binom.ppf(level, rows, share))
    return least if binom.cdf(least, rows, share) <= level else least - 1


def most_cases_before(rows: int, share: float, *, later: int, level: float) -> int:
    """The most cases among ``rows`` that show, at ``level``, that of ``later`` more rows at most ``share`` are cases.

    A case is a row above a bound that lies between the k-th and the (k + 1)-th highest of ``rows``. More than ``share``
    of the later rows lie above it exactly where, of as many highest of all rows together as are those plus k, at most k
    are early ones: all orders are equally likely, so that has a hypergeometric chance, whatever the distribution.
    -1 where even no case would not do.
    """
    from scipy.stats import hypergeom

    too_many = math.floor(share * later) + 1

    def shown(cases: int) -> bool:
        return bool(hypergeom.cdf(cases, rows + later, rows, cases + too_many) <= level)

    return bisect_left(range(rows), True, key=lambda cases: not shown(cases)) - 1


def fewest_rows(share: float, *, level: float) -> int:
    """How many rows without a single case it takes to show, at ``level``, that a share is at most ``share``, 0..1."""
    return math.ceil(math.log(level) / math.log1p(-share))


def fewest_rows_before(share: float, *, later: int | None, level: float) -> int:
    """About how many, of ``later`` more rows or, where that is None, of as many more as are needed.

    The chance falls with the rows but for small steps up where ``share`` of as many more is a whole number, so the
    least number that is found by halving may be a little above the very least.
    """

    def shown(rows: int) -> bool:
        return _chance_of_none(rows, share, later=rows if later is None else later) <= level

    most = 1
    while not shown(most):
        most *= 2
    least = most // 2
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (least, middle) if shown(middle) else (middle, most)
    return most


def _chance_of_none(rows: int, share: float, *, later: int) -> float:
    """That none of ``rows`` is a case although more than ``share`` of ``later`` more rows are (hypergeometric)."""
    fewer, more = sorted((rows, math.floor(share * later) + 1))
    return math.prod((rows + later - more - place) / (rows + later - place) for place in range(fewer))
