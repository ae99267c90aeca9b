"""How many requests are still to come: learned from what was seen, by hour of the day and day of the week."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

HOUR_S = 3600.0
DAY = 24
WEEK = 7 * DAY

KEPT_HOURS = 4 * WEEK
"""The newest hours that the shape of a week is learned from."""

SHAPE_HALF_LIFE = 10.0 * DAY
"""Hours after which what was seen counts half for the shape of the week."""

LEVEL_PART = 1 / 50
"""Part of a period after which what was seen counts half for how much traffic there is at present. It is a part of the
usual traffic: a quiet night says less than a busy noon."""

BURST_H = 1.0
SHORTEST_H = 0.1
"""Hours for which a burst is expected to go on, and after which one is known for what it is."""

BURST = 3.0
CLIPPED_FROM = 4.0
"""Traffic of an hour beyond so many times the usual is let be, once so many mean hours were seen. Growth that stays is
followed all the same: what is usual grows with it."""

DOUBT = 1 / 100
"""Part of a period that counts as without traffic before anything was seen: three quick requests make no busy month."""

WEEKEND = 0.5
"""What a weekend is taken for until one was seen, against a working day. To expect too little of it is mended by a
higher threshold in time; money that was kept for requests which never come is lost."""

HOUR_PRIOR = 0.5
DAY_PRIOR = 6.0
"""Hours of even traffic that the shape begins with: for each hour of the day, for each day of the week."""

NIGHT = 0.5
"""What the middle of the night is taken for until it was seen, against the mean hour; the early afternoon stands as
much above that."""

EXPECTED_HOURS = 1.0 + (1.0 - NIGHT) * np.cos((np.arange(DAY) - 13.5) * 2.0 * np.pi / DAY)
EXPECTED_DAYS = np.array([1.0, 1.0, 1.0, 1.0, 1.0, WEEKEND, WEEKEND])

_ROUNDS = 3


class Demand:
    """Learns when requests come, and tells how many will. Keeps some 5 KB.

    A rate is the product of how much traffic there is at present, what is usual at this hour of the day, and what is
    usual on this day of the week. All begin even.

    Args:
        hour_of_week: hours since Monday by the clocks of the budget's time zone, of POSIX seconds.
        period_h: hours of the period that a budget is for, about.
    """

    def __init__(self, hour_of_week: Callable[[float], float], *, period_h: float) -> None:
        self._hour_of_week = hour_of_week
        self._doubt = DOUBT * period_h
        self._half_life = LEVEL_PART * period_h
        self._believed = 0.0
        self._counts = np.zeros(KEPT_HOURS)
        self._exposure = np.zeros(KEPT_HOURS)
        self._places = np.zeros(KEPT_HOURS, np.intp)
        self._at = 0
        self._hour: float | None = None
        self._began = 0.0
        self._place = 0
        self._arrived = 0.0
        self._seen = 0.0
        self._last = 0.0
        self._shape: NDArray[np.float64] = np.outer(EXPECTED_DAYS / EXPECTED_DAYS.mean(), EXPECTED_HOURS).ravel()
        self._sums = np.concatenate([[0.0], np.cumsum(self._shape)])
        self._come = self._usual = 0.0

    def believe(self, per_hour: float) -> None:
        """What is taken for the rate, per hour, until enough was seen."""
        self._believed = per_hour

    def arrived(self, now: float, requests: float = 1.0) -> None:
        """Requests have come, at POSIX seconds that never fall."""
        if self._hour is None or now >= self._hour + HOUR_S:
            self._turn(now)
        self._arrived += requests

    def rate(self, now: float) -> float:
        """Requests in an hour of the usual week's mean, at present."""
        if self._hour is None or now >= self._hour + HOUR_S:
            self._turn(now)
        passed = max(0.0, (now - self._began) / HOUR_S)
        usual = float(self._shape[self._place]) * passed
        come = self._clipped(self._arrived, float(self._shape[self._place]))
        doubt: float = self._doubt * 0.5 ** ((self._seen + passed) / (4.0 * self._doubt))
        return (self._come + come + doubt * self._believed) / (self._usual + usual + doubt)

    def busiest(self, now: float, until: float) -> float:
        """Requests in the busiest hour between two moments, POSIX seconds."""
        hours = min(int((until - now) / HOUR_S) + 2, WEEK)
        ahead = (int(self._hour_of_week(now)) + np.arange(hours)) % WEEK
        return self.rate(now) * float(self._shape[ahead].max())

    def expected(self, now: float, until: float) -> float:
        """Requests that will come between two moments, POSIX seconds."""
        rate = self.rate(now)
        first = self._hour_of_week(now)
        hours = (until - now) / HOUR_S
        return rate * (self._until(first + hours) - self._until(first)) + self._burst(now, rate) * min(hours, BURST_H)

    def _burst(self, now: float, rate: float) -> float:
        """Requests an hour by which the present traffic is more than the usual, where that is a burst."""
        passed = max(SHORTEST_H, (now - self._began) / HOUR_S)
        present = max(self._arrived / passed, self._last)
        usual = rate * float(self._shape[self._place])
        return present - usual if present > BURST * usual and self._usual >= CLIPPED_FROM else 0.0

    def _until(self, hour: float) -> float:
        """The usual traffic from Monday on, in hours of mean traffic."""
        weeks, rest = divmod(hour, WEEK)
        whole = int(rest)
        return float(weeks * self._sums[WEEK] + self._sums[whole] + (rest - whole) * self._shape[whole])

    def _turn(self, now: float) -> None:
        """Close the hours that have passed, silent ones too."""
        begins = now // HOUR_S * HOUR_S
        if self._hour is None:
            self._begin(now, begins)
            return
        silent = min(int((begins - self._hour) // HOUR_S) - 1, KEPT_HOURS)
        self._close(self._arrived, (self._hour + HOUR_S - self._began) / HOUR_S, self._place)
        for back in range(silent, 0, -1):
            self._close(0.0, 1.0, int(self._hour_of_week(begins - back * HOUR_S)) % WEEK)
        self._last = self._arrived if silent == 0 else 0.0
        self._begin(begins, begins)
        self._learn()

    def _begin(self, now: float, begins: float) -> None:
        self._hour, self._began, self._arrived = begins, now, 0.0
        self._place = int(self._hour_of_week(now)) % WEEK

    def _close(self, count: float, exposure: float, place: int) -> None:
        at = self._at % KEPT_HOURS
        self._counts[at], self._exposure[at], self._places[at] = count, exposure, place
        self._at += 1
        self._seen += exposure
        usual = float(self._shape[place]) * exposure
        fading = 0.5 ** (usual / self._half_life)
        self._come = self._come * fading + self._clipped(count, usual)
        self._usual = self._usual * fading + usual

    def _clipped(self, count: float, usual: float) -> float:
        """Requests as they count for how much traffic there is: a burst tells little of the days to come."""
        if self._usual < CLIPPED_FROM:
            return count
        return min(count, BURST * usual * self._come / self._usual)

    def _learn(self) -> None:
        """Fit the shape to the hours that are kept; some 150 us of CPU, once an hour."""
        kept = min(self._at, KEPT_HOURS)
        order = (self._at - 1 - np.arange(kept)) % KEPT_HOURS
        counts, exposure, places = self._counts[order], self._exposure[order], self._places[order]
        age = np.arange(kept, dtype=np.float64)
        weight = 0.5 ** (age / SHAPE_HALF_LIFE)
        mean = float(weight @ counts) / max(float(weight @ exposure), 1e-9)
        if mean > 0.0:
            self._shape = _shape(counts * weight / mean, exposure * weight, places)
            self._sums = np.concatenate([[0.0], np.cumsum(self._shape)])


def _shape(counts: NDArray[np.float64], exposure: NDArray[np.float64], places: NDArray[np.intp]) -> NDArray[np.float64]:
    """Each hour of a week against the mean hour, [168]. ``counts``: in mean hours."""
    hours, days = places % DAY, places // DAY
    by_hour, by_day = np.ones(DAY), np.ones(7)
    for _ in range(_ROUNDS):
        by_hour = _ratios(counts, exposure * by_day[days], hours, EXPECTED_HOURS, HOUR_PRIOR)
        by_day = _ratios(counts, exposure * by_hour[hours], days, EXPECTED_DAYS, DAY_PRIOR)
    shape = np.outer(by_day, by_hour).ravel()
    mean = shape.mean()
    return shape / mean if mean > 0.0 else np.ones(WEEK)


def _ratios(
    counts: NDArray[np.float64],
    usual: NDArray[np.float64],
    groups: NDArray[np.intp],
    expected: NDArray[np.float64],
    prior: float,
) -> NDArray[np.float64]:
    seen = np.bincount(groups, counts, len(expected))
    return np.asarray((seen + prior * expected) / (np.bincount(groups, usual, len(expected)) + prior))
