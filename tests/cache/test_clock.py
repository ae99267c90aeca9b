"""File time: what a restart, a reboot or somebody at the clock may do to ages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from router.cache.clock import TOLERANCE_S, Anchor, anchored_now, carried_on, elapsed_s

LAST = Anchor(file_s=1_000_000.0, elapsed_s=500.0, boot="a")


def test_within_one_boot_whatever_was_done_to_the_wall_clock_changes_no_age() -> None:
    for wall in (0.0, 1_000_100.0, 9e9):
        here = carried_on(LAST, Anchor(wall, 600.0, "a"))
        assert here is not None
        assert here.file_s == LAST.file_s + 100.0


def test_after_a_reboot_the_wall_clock_is_believed() -> None:
    here = Anchor(1_000_900.0, 20.0, "b")
    assert carried_on(LAST, here) == here


def test_a_wall_clock_that_went_back_over_a_reboot_leaves_every_age_unknown() -> None:
    assert carried_on(LAST, Anchor(LAST.file_s - 3600, 20.0, "b")) is None


def test_a_wall_clock_set_a_little_back_at_boot_makes_entries_older_never_younger() -> None:
    here = carried_on(LAST, Anchor(LAST.file_s - 5, 20.0, "b"))
    assert here is not None
    assert here.file_s == LAST.file_s + TOLERANCE_S


def test_where_the_boot_is_not_known_the_wall_clock_decides() -> None:
    last = LAST._replace(boot="")
    here = Anchor(last.file_s + 7, 9_999.0, "")
    assert carried_on(last, here) == here


@given(st.floats(0, 2e9), st.floats(0, 1e9), st.sampled_from(["a", "b", ""]))
def test_file_time_never_goes_back(wall: float, elapsed: float, boot: str) -> None:
    here = carried_on(LAST, Anchor(wall, elapsed, boot))
    assert here is None or here.file_s >= LAST.file_s


def test_two_moments_of_this_process_are_in_order() -> None:
    first = anchored_now()
    second = carried_on(first, anchored_now())
    assert second is not None
    assert second.file_s >= first.file_s
    assert elapsed_s() >= second.elapsed_s
