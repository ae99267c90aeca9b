"""Months of bursty traffic, in small; ``python -m tests.bench.pacing`` is the whole of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from router.budgets import Decided
from router.budgets.demand import Demand
from router.budgets.pacer import Pacer
from router.budgets.traffic import Traffic
from router.scoring.scorer import Scorer
from tests.budgets.months import (
    DAY_S,
    HOUR_S,
    MONDAY_S,
    USUAL,
    WORLDS,
    World,
    a_paced_month,
    hour_of_week,
    least_threshold,
)
from tests.budgets.support import CURVE

SEEDS = 3
SMALLER = 0.3
"""Of the traffic that the whole simulation has."""

NAMED = {world.name: world for world in WORLDS}


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer.load()


@pytest.mark.parametrize(
    "name",
    [
        "usual month",
        "traffic doubles mid-month",
        "prices rise by half",
        "silent for five days",
        "three keys of a team",
        "a third week",
    ],
)
def test_where_a_budget_binds_it_is_spent_to_within_three_percent_never_over_and_well(
    name: str, scorer: Scorer
) -> None:
    world = replace(NAMED[name], per_day=NAMED[name].per_day * SMALLER)
    reference = scorer.manifest.reference
    assert reference is not None
    months = [a_paced_month(world, reference.win_rate, seed, scorer.curve) for seed in range(SEEDS)]
    fixed = least_threshold([month for month, _ in months])
    for month, outcome in months:
        assert month.spent(0.0) > 1.2 * month.usd
        assert 0.97 <= outcome.spent[0] <= 1.0
        assert max(outcome.spent) <= 1.0
        assert outcome.refused == 0
    ours = np.mean([outcome.quality for _, outcome in months])
    assert ours > np.mean([month.quality_at(fixed) for month, _ in months])
    # The best threshold of each month, known only afterwards, is no more than a little better.
    assert ours > np.mean([month.quality_at(month.best_fixed()) for month, _ in months]) - 0.02


def test_where_a_budget_does_not_bind_quality_is_what_it_was(scorer: Scorer) -> None:
    plenty = replace(USUAL, usd=1.6, per_day=300.0)
    reference = scorer.manifest.reference
    assert reference is not None
    month, outcome = a_paced_month(plenty, reference.win_rate, 0, scorer.curve)
    assert outcome.quality == pytest.approx(month.quality_at(month.own), abs=0.002)


def week_of(rates: list[float], demand: Demand, begins: float) -> None:
    for hour in range(168):
        for minute in range(0, 60, 10):
            demand.arrived(begins + hour * HOUR_S + minute * 60, rates[hour % 24] * (0.2 if hour >= 120 else 1.0) / 6)


def test_what_is_usual_at_an_hour_and_on_a_day_is_learned() -> None:
    demand = Demand(hour_of_week, period_h=720.0)
    rates = [10.0 if 8 <= hour < 18 else 1.0 for hour in range(24)]
    for week in range(3):
        week_of(rates, demand, MONDAY_S + week * 7 * DAY_S)
    monday = MONDAY_S + 21 * DAY_S
    a_day = sum(rates)

    def expected(hours: float) -> float:
        return demand.expected(monday, monday + hours * HOUR_S)

    assert expected(24) == pytest.approx(a_day, rel=0.1)
    assert expected(18) - expected(8) == pytest.approx(100, rel=0.1)
    assert expected(7 * 24) - expected(5 * 24) == pytest.approx(0.4 * a_day, rel=0.25)
    assert expected(4 * 7 * 24) == pytest.approx(4 * 5.4 * a_day, rel=0.1)


def test_silence_is_noticed_without_a_request() -> None:
    demand = Demand(hour_of_week, period_h=720.0)
    for week in range(2):
        week_of([6.0] * 24, demand, MONDAY_S + week * 7 * DAY_S)
    later = MONDAY_S + 14 * DAY_S
    expected = demand.expected(later, later + 7 * DAY_S)
    assert demand.expected(later + 2 * DAY_S, later + 9 * DAY_S) < 0.2 * expected
    assert demand.expected(later + 400 * DAY_S, later + 407 * DAY_S) < 1.0


def test_a_few_quick_requests_make_no_busy_month() -> None:
    demand = Demand(hour_of_week, period_h=720.0)
    for second in range(10):
        demand.arrived(MONDAY_S + second, 1)
    assert demand.expected(MONDAY_S + 10, MONDAY_S + 30 * DAY_S) < 2000


def test_thresholds_are_those_of_the_curve_until_traffic_says_otherwise() -> None:
    traffic = Traffic()
    assert traffic.threshold_for(0.0, CURVE) is None
    traffic.answered(1.0, Decided("strong", 0.8, 0.1), 0.1)
    for share in (0.1, 0.3, 0.5, 0.8):
        threshold = traffic.threshold_for(share, CURVE)
        assert threshold is not None
        assert CURVE.strong_share_at(threshold) == pytest.approx(share, abs=0.02)
    for _ in range(5000):
        traffic.answered(1.0, Decided("strong", 0.9, 0.1), 0.1)
    assert traffic.threshold_for(0.5, CURVE) == pytest.approx(0.9)
    assert traffic.threshold_for(1.0, CURVE) is None
    assert traffic.threshold_for(0.0, CURVE) == 1.0


def test_what_no_threshold_steers_is_paid_first() -> None:
    traffic = Traffic()
    for number in range(1000):
        traffic.answered(1.0, Decided("strong", 0.7 + number % 100 / 500, 0.1), 0.1)
        traffic.answered(1.0, Decided("named", None, None), 0.0)
    threshold = traffic.threshold_for(0.75, CURVE)
    assert threshold is not None
    assert threshold == pytest.approx(0.8, abs=0.02)
    assert traffic.threshold_for(0.5, CURVE) == 1.0


def test_a_threshold_is_worked_out_again_only_when_something_has_changed() -> None:
    pacer = Pacer(hour_of_week, period_s=30 * DAY_S)
    times = 0
    worked_out = pacer._worked_out

    def counted(*arguments: object) -> float | None:
        nonlocal times
        times += 1
        return worked_out(*arguments)  # type: ignore[arg-type]

    pacer._worked_out = counted  # type: ignore[method-assign]
    for step in range(1000):
        pacer.threshold(MONDAY_S + step / 1000, left=100.0, budget=100.0, until=MONDAY_S + 30 * DAY_S, curve=CURVE)
    assert times == 1
    pacer.threshold(MONDAY_S + 1, left=99.0, budget=100.0, until=MONDAY_S + 30 * DAY_S, curve=CURVE)
    assert times == 2


def test_every_kind_of_traffic_has_a_name_of_its_own() -> None:
    assert len(NAMED) == len(WORLDS)
    assert all(isinstance(world, World) for world in WORLDS)
