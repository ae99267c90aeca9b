"""Counts of the last quarter of an hour."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from router.ledger.reports import percentiles
from router.recent import SPAN_S, STEP_S, Tally
from router.recent.tally import MINUTE_S
from tests.ledger.support import a_row

EPOCH = 1_000_000.0


class Clock:
    """Stands until it is moved. ``epoch``: the Unix time at which it stood at 0."""

    def __init__(self) -> None:
        self.now = 0.0
        self.epoch = EPOCH

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tally(clock: Clock) -> Tally:
    return Tally(clock, lambda: clock.epoch + clock.now)


def test_nothing_came_to_nothing(tally: Tally) -> None:
    minute = tally.minute()
    assert (minute.requests, minute.errors, minute.by_route, minute.by_cache) == (0, 0, {}, {})
    assert (minute.cost_usd, minute.saved_usd) == (0, 0)
    assert minute.latency_ms.p50 is None
    assert len(tally.steps().at) == SPAN_S // STEP_S
    assert sum(tally.steps().weak) == 0


def test_the_minute_counts_by_route_cache_and_outcome_and_adds_up_exactly(tally: Tally) -> None:
    for row in (
        a_row(route="weak", cost_usd=Decimal("0.1"), baseline_cost_usd=Decimal("0.3"), first_token_ms=5.0),
        a_row(route="strong", cost_usd=Decimal("0.2"), baseline_cost_usd=Decimal("0.2")),
        a_row(route="weak", cache="exact", cost_usd=Decimal(0), baseline_cost_usd=None),
        a_row(route=None, cache=None, outcome="error", cost_usd=None),
    ):
        tally.count(row)
    minute = tally.minute()
    assert (minute.requests, minute.errors) == (4, 1)
    assert minute.by_route == {"weak": 2, "strong": 1}
    assert minute.by_cache == {"miss": 2, "exact": 1}
    assert (minute.cost_usd, minute.saved_usd) == (Decimal("0.3"), Decimal("0.2"))
    assert minute.first_token_ms.p50 == pytest.approx(5, rel=0.03)


def test_an_amount_is_unknown_where_it_is_of_no_request(tally: Tally) -> None:
    tally.count(a_row(cost_usd=None))
    assert (tally.minute().cost_usd, tally.minute().saved_usd) == (None, None)


def test_a_minute_is_over_after_a_minute(tally: Tally, clock: Clock) -> None:
    tally.count(a_row())
    clock.now = MINUTE_S - 3
    assert tally.minute().requests == 1
    clock.now = MINUTE_S + 1
    assert tally.minute().requests == 0


def test_each_request_is_in_one_count_of_its_step(tally: Tally, clock: Clock) -> None:
    clock.now = 25
    for row in (
        a_row(route="weak"),
        a_row(route="strong", cache="bypass"),
        a_row(route="strong", cache="semantic"),
        a_row(route="named"),
        a_row(route="weak", outcome="error"),
        a_row(route="weak", outcome="cancelled"),
        a_row(route=None, cache=None),
    ):
        tally.count(row)
    clock.now = 31
    steps = tally.steps()
    assert steps.at[-2:] == [int(EPOCH) + 20, int(EPOCH) + 30]
    counts = {name: getattr(steps, name)[-2] for name in ("weak", "strong", "cached", "other", "errors")}
    assert counts == {"weak": 2, "strong": 1, "cached": 1, "other": 2, "errors": 1}
    assert steps.weak[-1] == 0
    assert steps.p50_ms[-1] is None


def test_the_step_that_goes_on_is_the_last_of_the_steps(tally: Tally, clock: Clock) -> None:
    for second in range(0, 40, 3):
        clock.now = second
        tally.count(a_row())
        assert tally.step().at == tally.steps().at[-1:]
        assert tally.step().weak == tally.steps().weak[-1:]


def test_what_is_older_than_the_span_is_forgotten(tally: Tally, clock: Clock) -> None:
    for second in range(0, 3 * SPAN_S, 7):
        clock.now = second
        tally.count(a_row())
    counted = sum(tally.steps().weak)
    assert SPAN_S / 7 - 3 <= counted <= SPAN_S / 7 + 3
    assert len(tally._slots) <= (SPAN_S + STEP_S) // 2 + 1


@pytest.mark.parametrize("by", [86_400.0, -86_400.0])
def test_where_the_walls_clock_is_set_what_was_counted_keeps_its_distance(
    tally: Tally, clock: Clock, by: float
) -> None:
    tally.count(a_row())
    clock.now, clock.epoch = 25, EPOCH + by
    steps = tally.steps()
    assert (steps.at[-1], steps.weak[-3:]) == (int(EPOCH + by) + 20, [1, 0, 0])
    tally.count(a_row())
    assert tally.minute().requests == 2
    assert tally.step().weak == [1]


def test_percentiles_are_told_to_within_three_percent(tally: Tally) -> None:
    drawn = random.Random(7)
    times = [drawn.lognormvariate(5, 2) for _ in range(5_000)]
    for ms in times:
        tally.count(a_row(latency_ms=ms))
    exact, told = percentiles(times), tally.minute().latency_ms
    for name in ("p50", "p95", "p99"):
        assert getattr(told, name) == pytest.approx(getattr(exact, name), rel=0.03)


@pytest.mark.parametrize("ms", [0.0, -1.0, 1e-9, 1e12])
def test_no_time_is_too_odd_to_be_counted(tally: Tally, ms: float) -> None:
    tally.count(a_row(latency_ms=ms))
    assert tally.minute().latency_ms.p50 is not None
