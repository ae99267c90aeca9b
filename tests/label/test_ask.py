"""How long is waited before a question is put again."""

from __future__ import annotations

from training.label.ask import BASE_WAIT_S, LONGEST_WAIT_S, wait_s


def test_waits_are_spread_over_a_bound_that_doubles_up_to_a_minute() -> None:
    for attempt, bound in ((0, BASE_WAIT_S), (1, 2 * BASE_WAIT_S), (20, LONGEST_WAIT_S)):
        waits = [wait_s(attempt, None) for _ in range(500)]
        assert 0 <= min(waits) < 0.1 * bound
        assert 0.9 * bound < max(waits) <= bound


def test_nobody_is_asked_again_before_the_time_that_they_gave() -> None:
    waits = [wait_s(0, 7.0) for _ in range(200)]
    assert min(waits) >= 7
    assert max(waits) <= 7 + BASE_WAIT_S
    assert len(set(waits)) > 100
