"""Months of bursty traffic, and what becomes of a budget in them under a pacer, or under one threshold for all."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
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
    """One kind of traffic.

    ``usd``: the budget, as a share of what the strong model alone would cost in a quiet month. ``before``: so many
    periods have passed under the same pacer. ``keys``: each one's share of the requests, and its own budget as a share
    of what these would cost; 0 for none.
    """

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
    keys: tuple[tuple[float, float], ...] = ((1.0, 0.0),)
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
    """Requests in order. Costs in US dollars, whoever answers them; ``key``: the number of who asked."""

    at: Floats
    win_rate: Floats
    weak_usd: Floats
    strong_usd: Floats
    key: NDArray[np.intp]
    own: float
    usd: float
    begins: float
    until: float

    def spent(self, threshold: float) -> float:
        """What one threshold for all spends."""
        strong = self.win_rate >= max(threshold, self.own)
        return float(np.where(strong, self.strong_usd, self.weak_usd).sum())

    def quality(self, strong: NDArray[np.bool_]) -> float:
        """The share of the gap between weak and strong that is recovered, by the win rates."""
        return float(self.win_rate[strong].sum() / self.win_rate.sum())

    def quality_at(self, threshold: float) -> float:
        """That of one threshold for all."""
        return self.quality(self.win_rate >= max(threshold, self.own))

    def best_fixed(self) -> float:
        """The least threshold that does not overspend in this month: known only afterwards."""
        return least_threshold([self])


THRESHOLDS: list[float] = [*np.linspace(0.7, 0.9, 801).tolist(), 1.0]


def least_threshold(months: Sequence[Month]) -> float:
    """The least of all thresholds that overspends in none of the months."""
    low, high = 0, len(THRESHOLDS) - 1
    while low < high:
        middle = (low + high) // 2
        if all(month.spent(THRESHOLDS[middle]) <= month.usd for month in months):
            high = middle
        else:
            low = middle + 1
    return THRESHOLDS[low]


def a_month(world: World, win_rates: Distribution, seed: int, *, before: int = 0) -> Month:
    """One month, or the one so many before it. The budget is the same for all seeds of a world."""
    chance = np.random.default_rng([seed, before])
    first_day = world.first_day - before * int(world.days)
    rate = _hours(replace(world, first_day=first_day), chance) * world.per_day / 24
    counts = chance.poisson(rate)
    at = np.sort(np.repeat(np.arange(len(counts)), counts) + chance.random(counts.sum())) * HOUR_S
    begins = MONDAY_S + first_day * DAY_S
    drawn = _win_rates(win_rates, chance, len(at))
    # Longer prompts cost more, and the strong model is a little likelier to win on them.
    length = np.exp(chance.normal(0.0, world.spread, len(at)) - world.spread**2 / 2)
    length = length * np.exp(1.5 * (drawn - 0.775)) * world.prices(at / (world.days * DAY_S))
    strong = length * world.strong_usd * np.exp(chance.normal(0.0, 0.3, len(at)) - 0.045)
    return Month(
        at=begins + at,
        win_rate=drawn,
        weak_usd=length * world.weak_usd,
        strong_usd=strong,
        key=chance.choice(len(world.keys), len(at), p=[share for share, _ in world.keys]),
        own=world.own,
        usd=world.usd * _usual_usd(world),
        begins=begins,
        until=begins + world.days * DAY_S,
    )


def _usual_usd(world: World) -> float:
    return world.per_day * world.days * world.strong_usd


def _win_rates(distribution: Distribution, chance: np.random.Generator, n: int) -> Floats:
    edges = np.array([0.70, *distribution.edges, 0.90])
    bins = chance.choice(len(distribution.shares), n, p=np.array(distribution.shares) / sum(distribution.shares))
    return np.asarray(edges[bins] + chance.random(n) * np.diff(edges)[bins])


@dataclass(frozen=True)
class Outcome:
    """What came of a month: share of each budget that was spent, quality, requests that were refused.

    ``path``: time, threshold and share of the first budget that was spent, of every fiftieth request.
    """

    spent: tuple[float, ...]
    quality: float
    refused: int
    path: tuple[tuple[float, float, float], ...] = ()


def hour_of_week(now: float) -> float:
    """Hours since Monday in UTC, of POSIX seconds."""
    return (now - MONDAY_S) / HOUR_S % 168


class Purse:
    """One budget, and who paces it."""

    def __init__(self, name: str, usd: float, world: World) -> None:
        self.name = name
        self.usd = usd
        self.spent = self.held = 0.0
        self.pacer = Pacer(hour_of_week, period_s=world.days * DAY_S)

    @property
    def left(self) -> float:
        return self.usd - self.spent - self.held

    def begin(self) -> None:
        """A new period."""
        self.spent = self.held = 0.0

    def pace(self, now: float, until: float, curve: Curve) -> float | None:
        return self.pacer.threshold(now, left=self.left, budget=self.usd, until=until, curve=curve)

    def settle(self, now: float, usd: float, hold: float, decided: Decided) -> None:
        self.held -= hold
        self.spent += usd
        self.pacer.demand.arrived(now)
        self.pacer.answered(usd, decided, decided.bar(self.name))


def purses_of(world: World) -> list[Purse]:
    """That of the team, and those of its keys that have one."""
    usual = _usual_usd(world)
    keys = [Purse(f"key {n}", usd * share * usual, world) for n, (share, usd) in enumerate(world.keys) if usd]
    return [Purse("team", world.usd * usual, world), *keys]


def a_paced_month(world: World, win_rates: Distribution, seed: int, curve: Curve) -> tuple[Month, Outcome]:
    """A month under pacers that have seen the months before it."""
    purses = purses_of(world)
    for before in range(world.before, 0, -1):
        paced(a_month(world, win_rates, seed, before=before), curve, purses)
    month = a_month(world, win_rates, seed)
    return month, paced(month, curve, purses)


def paced(month: Month, curve: Curve, purses: Sequence[Purse]) -> Outcome:
    """Let pacers steer through a month, under the hard limit that holds each request's expected cost."""
    for purse in purses:
        purse.begin()
    team, keys = purses[0], purses[1:]
    bills: deque[tuple[float, float, float, Decided, list[Purse]]] = deque()
    strong = np.zeros(len(month.at), np.bool_)
    path: list[tuple[float, float, float]] = []
    refused = 0
    expected = {"strong": float(month.strong_usd.mean()), "weak": float(month.weak_usd.mean())}

    def settle(until: float) -> None:
        while bills and bills[0][0] <= until:
            when, usd, hold, decided, whose = bills.popleft()
            for purse in whose:
                purse.settle(when, usd, hold, decided)

    asked = zip(month.at.tolist(), month.win_rate.tolist(), month.key.tolist(), strict=True)
    for i, (now, win_rate, key) in enumerate(asked):
        settle(now)
        whose = [team, keys[key]] if key < len(keys) else [team]
        paces = {p.name: pace for p in whose if (pace := p.pace(now, month.until, curve)) is not None}
        pace = max(paces.values(), default=0.0)
        threshold = max(pace, month.own)
        route: Route = "strong" if win_rate >= threshold and threshold < 1.0 else "weak"
        left = min(purse.left for purse in whose)
        if expected[route] > left:
            route = "weak"
        if expected[route] > left:
            refused += 1
            continue
        strong[i] = route == "strong"
        usd = float(month.strong_usd[i] if strong[i] else month.weak_usd[i])
        for purse in whose:
            purse.held += expected[route]
        decided = Decided(route, win_rate, threshold, pace > month.own, paces)
        bills.append((now + LATENCY_S, usd, expected[route], decided, whose))
        if i % 50 == 0:
            path.append((now, threshold, team.spent / team.usd))
    settle(float("inf"))
    return Outcome(tuple(p.spent / p.usd for p in purses), month.quality(strong), refused, tuple(path))


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
    replace(USUAL, name="three keys of a team", usd=0.45, keys=((0.5, 0.25), (0.3, 0.9), (0.2, 0.9))),
    replace(USUAL, name="few requests", per_day=20.0),
    replace(USUAL, name="a first week", days=7.0, per_day=1500.0),
    replace(USUAL, name="a third week", days=7.0, per_day=1500.0, before=2),
    replace(USUAL, name="a first day", days=1.0, per_day=8000.0, bursts_per_week=7.0),
    replace(USUAL, name="an eighth day", days=1.0, per_day=8000.0, bursts_per_week=7.0, before=7),
]
