from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from router.limits.standing import duration
from router.limits.windows import WINDOW_S, Window

windows = st.builds(
    Window,
    limit=st.integers(1, 1000),
    previous=st.integers(0, 1500),
    current=st.integers(0, 1500),
    left_s=st.floats(0.001, WINDOW_S),
)


def later(window: Window, seconds: float) -> Window:
    """The same window after some time without requests."""
    left = window.left_s - seconds
    previous, current = window.previous, window.current
    while left <= 0:
        left, previous, current = left + WINDOW_S, current, 0
    return Window(window.limit, previous, current, left)


@given(windows, st.integers(1, 1000))
def test_after_the_wait_there_is_room_and_shortly_before_there_is_none(window: Window, amount: int) -> None:
    wait = window.wait_s(amount)
    if amount > window.limit:
        assert math.isinf(wait)
        return
    assert later(window, wait + 0.001).has_room(amount)
    if wait > 0.01:
        assert not later(window, wait - 0.005).has_room(amount)


@given(windows)
def test_everything_is_free_once_the_reset_has_passed(window: Window) -> None:
    assert later(window, window.reset_s + 0.001).remaining == window.limit


@given(windows, st.integers(0, 1000))
def test_what_is_taken_is_missing(window: Window, amount: int) -> None:
    assert window.after(amount).remaining == max(0, window.limit - window.used - amount)


def test_lengths_of_time_are_written_as_openai_writes_them() -> None:
    said = [duration(seconds) for seconds in (0, 0.0201, 0.999, 1, 17.2, 59.9, 60, 360)]
    assert said == ["0ms", "21ms", "999ms", "1s", "18s", "1m0s", "1m0s", "6m0s"]
