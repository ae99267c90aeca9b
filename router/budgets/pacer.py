"""The controller: from what is left of a budget to the least threshold at which it lasts."""

from __future__ import annotations

from collections.abc import Callable

from router.budgets.budgets import Decided
from router.budgets.demand import Demand
from router.budgets.traffic import Traffic
from router.scoring.curve import Curve

HOUR_S = 3600.0

LEAST_RESERVE = 0.004
MOST_RESERVE = 0.018
"""Shares of a budget that are kept back for what cannot be foreseen, at least and at most."""

BURST_TIMES = 15.0
"""A burst that the weak model's answers must be paid for in: so many times the requests of the busiest hour to come."""

BOLDNESS = 0.03
"""Share by which a budget is taken for larger at the beginning of its period; it shrinks to nothing with what is left
of that. Spending somewhat early costs hardly any quality, and less traffic than expected leaves less unspent."""

LEAST_ELAPSED_S = 60.0

STALE_S = 1.0
STALE_PART = 1 / 500
STALE_SHARE = 1 / 1000
"""A threshold holds for this part of the time that remains, and for a second at least, or until this share of the
budget was spent since."""


class Pacer:
    """Learns from a scope's traffic, and says by which threshold its money lasts. Pure but for its memory.

    What is left, less a reserve, is divided by the requests that are still expected: what one may cost in the mean.
    The threshold is that at which requests like the newest ones cost so much.

    Args:
        hour_of_week: hours since Monday, by the clocks of the budget's time zone, of POSIX seconds.
        period_s: how long a period is, about.
    """

    def __init__(self, hour_of_week: Callable[[float], float], *, period_s: float) -> None:
        self.demand = Demand(hour_of_week, period_h=period_s / HOUR_S)
        self.traffic = Traffic()
        self._period_s = period_s
        self._threshold: float | None = None
        self._stale_at = float("-inf")
        self._left = 0.0
        self._usd_per_hour = 0.0

    def begins(self, elapsed_s: float, answered: int, usd: float) -> None:
        """A period is under way for so long, with so many answered requests, or so many US dollars spent.

        It is what is believed of the traffic until more was seen: a process that starts in the midst of a period.
        """
        if elapsed_s < LEAST_ELAPSED_S:
            return
        hours = elapsed_s / HOUR_S
        self._usd_per_hour = 0.0 if answered else usd / hours
        self.demand.believe(answered / hours)

    def answered(self, usd: float, decided: Decided, bar: float) -> None:
        """One request was answered; see ``Traffic.answered``. That it came is told to ``demand``."""
        self.traffic.answered(usd, decided, bar)

    def threshold(self, now: float, *, left: float, budget: float, until: float, curve: Curve) -> float | None:
        """The least threshold, 0..1; None where the money lasts anyway, or nothing is known yet.

        Args:
            now: POSIX seconds.
            left: US dollars that are neither spent nor held.
            budget: those of the whole period.
            until: when the period ends, POSIX seconds.
            curve: the artifact's measured curve.
        """
        if now < self._stale_at and abs(left - self._left) < STALE_SHARE * budget:
            return self._threshold
        self._left = left
        self._stale_at = now + max(STALE_S, STALE_PART * min(until - now, self._period_s / 20))
        self._threshold = self._worked_out(now, left, budget, until, curve)
        return self._threshold

    def _worked_out(self, now: float, left: float, budget: float, until: float, curve: Curve) -> float | None:
        remains = max(0.0, until - now)
        spendable = left - self._reserve(now, budget, until)
        if spendable <= 0.0:
            return 1.0
        spendable += BOLDNESS * budget * remains / self._period_s
        if self._usd_per_hour and self.traffic.all.value > 0.0:
            self.demand.believe(self._usd_per_hour / self.traffic.all.value)
        requests = max(self.demand.expected(now, until), 1.0)
        return self.traffic.threshold_for(spendable / requests, curve)

    def _reserve(self, now: float, budget: float, until: float) -> float:
        """US dollars for what cannot be foreseen: a request dearer than any before, and the weak model's in a burst."""
        hours = min(1.0, max(0.0, until - now) / HOUR_S)
        burst = BURST_TIMES * self.demand.busiest(now, until) * hours * self.traffic.weak.value
        return min(MOST_RESERVE * budget, max(LEAST_RESERVE * budget, 2.0 * self.traffic.dearest, burst))
