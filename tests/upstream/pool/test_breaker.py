"""When a deployment is left alone, and how it is found to be well again. Time is a number here."""

from __future__ import annotations

import random

import pytest

from router.upstream.pool.breaker import FEWEST_CALLS, LONGEST_OPEN_S, WINDOW_S, Breaker


def breaker(**changes: float) -> Breaker:
    numbers = {"failures": 3, "failure_rate": 0.5, "open_s": 10.0} | changes
    return Breaker(**numbers, chance=random.Random(1))


def opened(now: float = 0.0, **changes: float) -> Breaker:
    made = breaker(**changes)
    for _ in range(3):
        made.failed(now, began=now, probe=made.begin())
    assert made.state(now) == "open"
    return made


def test_failures_in_a_row_open_it_and_a_success_between_them_does_not() -> None:
    made = breaker()
    for failed in (True, True, False, True, True):
        probe = made.begin()
        if failed:
            assert not made.failed(0.0, began=0.0, probe=probe)
        else:
            made.succeeded(0.0, probe=probe)
    assert made.state(0.0) == "closed"
    assert made.failed(0.0, began=0.0, probe=made.begin())
    assert made.state(0.0) == "open"
    assert not made.allows(0.0)


def test_a_share_of_failures_opens_it_once_there_are_enough_calls() -> None:
    made = breaker(failures=1000)
    for number in range(FEWEST_CALLS - 1):
        probe = made.begin()
        _ = made.failed(1.0, began=1.0, probe=probe) if number % 2 else made.succeeded(1.0, probe=probe)
    assert made.state(1.0) == "closed"
    assert made.failed(1.0, began=1.0, probe=made.begin())


def test_calls_that_good_answers_overtook_are_not_failures_in_a_row() -> None:
    made = breaker()
    for _ in range(10):
        made.succeeded(2.0, probe=made.begin())
    # They began before the last success, and end together: a part hangs, the rest is well.
    assert [made.failed(5.0, began=1.0, probe=made.begin()) for _ in range(5)] == [False] * 5
    assert [made.failed(5.0, began=2.5, probe=made.begin()) for _ in range(3)] == [False, False, True]


def test_failures_of_long_ago_are_not_counted() -> None:
    made = breaker(failures=1000)
    for _ in range(FEWEST_CALLS - 1):
        made.failed(1.0, began=1.0, probe=made.begin())
    later = 1.0 + 2 * WINDOW_S
    assert not made.failed(later, began=later, probe=made.begin())


def test_after_a_while_one_probe_is_let_through_and_no_more() -> None:
    made = opened()
    assert not made.allows(8.9)
    assert 8.9 < made.wait_s(0.0) < 11.1
    assert made.allows(11.1)
    assert made.state(11.1) == "half-open"
    assert made.begin()
    assert not made.allows(11.1)


def test_a_probe_that_succeeds_closes_it() -> None:
    made = opened()
    made.succeeded(11.1, probe=made.begin())
    assert (made.state(11.1), made.wait_s(11.1)) == ("closed", 0.0)


def test_a_probe_that_fails_opens_it_for_longer_up_to_a_minute() -> None:
    made, now, waits = opened(), 0.0, []
    for _ in range(6):
        now += made.wait_s(now)
        assert made.failed(now, began=now, probe=made.begin())
        waits.append(made.wait_s(now))
    assert [round(wait, -1) for wait in waits[:2]] == [20, 40]
    assert waits[-1] <= 1.1 * LONGEST_OPEN_S


def test_a_probe_that_nobody_waits_for_leaves_room_for_another() -> None:
    made = opened()
    probe = made.begin()
    made.abandoned(probe=probe)
    assert made.allows(11.1)


@pytest.mark.parametrize("succeeds", [True, False])
def test_calls_from_before_it_opened_change_nothing(succeeds: bool) -> None:
    made = opened()
    if succeeds:
        made.succeeded(1.0, probe=False)
    else:
        assert not made.failed(1.0, began=1.0, probe=False)
    assert made.state(1.0) == "open"
    assert made.allows(11.1)
