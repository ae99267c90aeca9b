"""Months of bursty traffic, and what becomes of a budget in them under a pacer, or under one threshold for all."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from router.budgets.budgets import Decided
from router.budgets.pacer import Pacer
from router.scoring.curve import Curve
from router.scoring.reference import Distribution
from router.types import Route

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
MONDAY_S = 1_777_852_800.0
"""Monday, 4 May 2026, 0:00 UTC."""

LATENCY_S = 8.0
"""Seconds from a decision to its bill."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """One kind of traffic. ``usd``: budget as a share of what callers' own thresholds would spend in a usual month."""

    name: str
    days: float = 30.0
    first_day: int = 0
    per_day: float = 1000.0
    usd: float = 0.5
    own: float = 0.7
    strong_usd: float = 0.01
    weak_usd: float = 0.0008
    spread: float = 1.0
    weekend: float = 0.3
    before: int = 0
    bursts_per_week: float = 2.0
    burst_times: float = 10.0
    level: Callable[[Floats], Floats] = field(default=np.ones_like)
    prices: Callable[[Floats], Floats] = field(default=np.ones_like)


def _hours(world: World, chance: np.random.Generator) -> Floats:
    """The rate of each hour, as multiples of the mean one: busy by day, quiet at night and at weekends, with bursts."""
    hours = np.arange(int(world.days * 24))
    of_day = hours % 24
    weekday = (hours // 24 + world.first_day) % 7
    rate = 0.15 + np.exp(-0.5 * ((of_day - 14.0) / 4.0) ** 2)
    rate = rate * np.where(weekday >= 5, world.weekend, 1.0)
    rate /= rate.mean()
    rate = rate * np.exp(chance.normal(0.0, 0.3, len(hours)) - 0.045)
    bursts = chance.random(len(hours)) < world.bursts_per_week / (7 * 24)
    rate = np.where(bursts, rate * world.burst_times, rate)
    return np.asarray(rate * world.level(hours / len(hours)))


@dataclass(frozen=True)
class Month:
    """Requests in order. Costs in US dollars, whoever answers them."""

    at: Floats
    win_rate: Floats
    weak_usd: Floats
    strong_usd: Floats
    own: float
    usd: float
    until: float

    def spent(self, threshold: float) -> float:
        """What one threshold for all spends."""
        strong = self.win_rate >= max(threshold, self.own)
        return float(np.where(strong, self.strong_usd, self.weak_usd).sum())

    def quality(self, strong: NDArray[np.bool_]) -> float:
        """The share of the gap between weak and strong that is recovered, by the win rates."""
        return float(self.win_rate[strong].sum() / self.win_rate.sum())

    def best_fixed(self) -> float:
        """The least threshold that does not overspend in this month: known only afterwards."""
        return next(t for t in THRESHOLDS if self.spent(t) <= self.usd)


THRESHOLDS = np.concatenate([np.linspace(0.7, 0.9, 801), [1.0]]).tolist()


def a_month(world: World, win_rates: Distribution, seed: int) -> Month:
    """One month. The budget is the same for all seeds of a world."""
    chance = np.random.default_rng(seed)
    rate = _hours(world, chance) * world.per_day / 24
    counts = chance.poisson(rate)
    at = np.sort(np.repeat(np.arange(len(counts)), counts) + chance.random(counts.sum())) * HOUR_S
    begins = MONDAY_S + world.first_day * DAY_S
    drawn = _win_rates(win_rates, chance, len(at))
    length = np.exp(chance.normal(0.0, world.spread, len(at)) - world.spread**2 / 2)
    length = length * np.exp(1.5 * (drawn - 0.775)) * world.prices(at / (world.days * DAY_S))
    strong = length * world.strong_usd * np.exp(chance.normal(0.0, 0.3, len(at)) - 0.045)
    usual = world.per_day * world.days * (0.978 * world.strong_usd + 0.022 * world.weak_usd)
    return Month(
        at=begins + at,
        win_rate=drawn,
        weak_usd=length * world.weak_usd,
        strong_usd=strong,
        own=world.own,
        usd=world.usd * usual,
        until=begins + world.days * DAY_S,
    )


def _win_rates(distribution: Distribution, chance: np.random.Generator, n: int) -> Floats:
    edges = np.array([0.70, *distribution.edges, 0.90])
    bins = chance.choice(len(distribution.shares), n, p=np.array(distribution.shares) / sum(distribution.shares))
    return np.asarray(edges[bins] + chance.random(n) * np.diff(edges)[bins])


@dataclass(frozen=True)
class Outcome:
    """What came of a month: share of the budget that was spent, quality, and requests that were refused."""

    spent: float
    quality: float
    refused: int
    thresholds: tuple[tuple[float, float], ...] = ()


def hour_of_week(now: float) -> float:
    return (now - MONDAY_S) / HOUR_S % 168


def paced(month: Month, curve: Curve, pacer: Pacer | None = None) -> Outcome:
    """Let a pacer steer through a month, under the hard limit that holds each request's expected cost."""
    begins = month.until - (month.until - month.at[0]) // DAY_S * DAY_S - DAY_S
    pacer = pacer or Pacer(hour_of_week, period_s=month.until - begins)
    spent = held = 0.0
    refused = 0
    bills: deque[tuple[float, float, float, Route, float, float, bool]] = deque()
    strong = np.zeros(len(month.at), np.bool_)
    seen: list[tuple[float, float]] = []
    expected = {"strong": float(month.strong_usd.mean()), "weak": float(month.weak_usd.mean())}

    def settle(until: float) -> tuple[float, float]:
        gone = back = 0.0
        while bills and bills[0][0] <= until:
            when, usd, hold, route, win_rate, threshold, raised = bills.popleft()
            gone, back = gone + usd, back + hold
            pacer.demand.arrived(when)
            pacer.answered(usd, Decided(route, win_rate, threshold, raised))
        return gone, back

    for i, now in enumerate(month.at.tolist()):
        gone, back = settle(now)
        spent, held = spent + gone, held - back
        left = month.usd - spent - held
        pace = pacer.threshold(now, left=left, budget=month.usd, until=month.until, curve=curve)
        raised = pace is not None and pace > month.own
        threshold = pace if pace is not None and raised else month.own
        win_rate = float(month.win_rate[i])
        route: Route = "strong" if win_rate >= threshold and threshold < 1.0 else "weak"
        if expected[route] > left:
            route = "weak"
        if expected[route] > left:
            refused += 1
            continue
        strong[i] = route == "strong"
        usd = float(month.strong_usd[i] if strong[i] else month.weak_usd[i])
        held += expected[route]
        bills.append((now + LATENCY_S, usd, expected[route], route, win_rate, threshold, raised))
        if i % 50 == 0:
            seen.append((now, threshold))
    gone, _ = settle(float("inf"))
    return Outcome((spent + gone) / month.usd, month.quality(strong), refused, tuple(seen))


def _silence(begin: float, end: float) -> Callable[[Floats], Floats]:
    return lambda part: np.where((part >= begin) & (part < end), 0.0, 1.0)


def _step(at: float, times: float) -> Callable[[Floats], Floats]:
    return lambda part: np.where(part >= at, times, 1.0)


USUAL = World("usual month")
WORLDS = [
    USUAL,
    replace(USUAL, name="begins on a Saturday", first_day=5),
    replace(USUAL, name="tight budget", usd=0.2),
    replace(USUAL, name="loose budget", usd=0.85),
    replace(USUAL, name="traffic doubles mid-month", level=_step(0.5, 2.0)),
    replace(USUAL, name="traffic halves mid-month", level=_step(0.5, 0.5)),
    replace(USUAL, name="prices rise by half", prices=_step(0.4, 1.5)),
    replace(USUAL, name="silent for five days", level=_silence(0.35, 0.52)),
    replace(USUAL, name="bursts every day", bursts_per_week=8.0),
    replace(USUAL, name="weak model is free", weak_usd=0.0),
    replace(USUAL, name="costs spread widely", spread=1.5),
    replace(USUAL, name="no weekends", weekend=1.0),
    replace(USUAL, name="a first week", days=7.0, per_day=3000.0),
    replace(USUAL, name="a third week", days=7.0, per_day=3000.0, before=2),
    replace(USUAL, name="a first day", days=1.0, per_day=20000.0, bursts_per_week=7.0),
    replace(USUAL, name="an eighth day", days=1.0, per_day=20000.0, bursts_per_week=7.0, before=7),
]
