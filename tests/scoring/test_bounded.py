"""The bounded head: linear between its bounds, flat beyond them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from router.errors import ArtifactError
from router.scoring.bounded import BoundedHead

ROWS = np.array([[0.5, 0.0], [9.0, 1.0], [-9.0, 0.0], [0.0, 0.0]], np.float32)


def test_what_slopes_say_is_cut_at_the_bounds() -> None:
    head = BoundedHead(np.array([1.0, -2.0]), -1.5, 2.0)
    assert head.predict(ROWS).tolist() == [0.5, 2.0, -1.5, 0.0]


def test_contributions_add_up_to_what_is_left_after_the_cut() -> None:
    head = BoundedHead(np.array([1.0, -2.0]), -1.5, 2.0)
    for row, total in zip(ROWS, head.predict(ROWS), strict=True):
        assert head.contributions(row).sum() == pytest.approx(total)


def test_a_bounded_head_comes_back_from_its_file(tmp_path: Path) -> None:
    head = BoundedHead(np.array([0.25, -2.0]), -1.5, 2.0)
    head.save(tmp_path / "head.npy")
    again = BoundedHead.load(tmp_path / "head.npy")
    assert again.width == 2
    assert np.array_equal(again.predict(ROWS), head.predict(ROWS))


@pytest.mark.parametrize(("low", "high"), [(0.5, 1.0), (-1.0, -0.5), (-np.inf, 1.0), (-1.0, np.nan)])
def test_bounds_that_leave_out_the_average_prompt_are_refused(low: float, high: float) -> None:
    with pytest.raises(ArtifactError, match="0 must lie between"):
        BoundedHead(np.array([1.0]), low, high)


def test_a_file_without_bounds_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "head.npy", np.array([1.0, 2.0]))
    with pytest.raises(ArtifactError, match=r"head\.npy"):
        BoundedHead.load(tmp_path / "head.npy")
