from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import ArtifactError
from router.scoring.curve import Curve, CurvePoints
from tests.scoring.kernel_parts import make_curve


def test_quality_one_sends_everything_to_the_strong_model_and_quality_zero_nothing() -> None:
    curve = make_curve()
    assert curve.threshold_for_quality(1.0) == 0.0
    assert curve.threshold_for_quality(0.0) == 1.0
    assert curve.threshold_for_strong_share(1.0) == 0.0
    assert curve.threshold_for_strong_share(0.0) == 1.0


def test_measured_points_are_met_and_joined_by_straight_lines() -> None:
    curve = make_curve()
    assert curve.threshold_for_quality(0.7) == pytest.approx(0.4)
    assert curve.threshold_for_quality(0.825) == pytest.approx(0.3)
    assert curve.threshold_for_strong_share(0.3) == pytest.approx(0.5)
    assert curve.quality_at(0.5) == pytest.approx(0.45)
    assert curve.strong_share_at(0.2) == pytest.approx(0.9)
    assert curve.strong_share_at(1.0) == 0.0


def test_of_equal_quality_the_cheapest_threshold_is_taken() -> None:
    curve = Curve(CurvePoints(threshold=[0.2, 0.5, 0.8], strong_share=[0.8, 0.4, 0.1], quality=[0.6, 0.6, 0.2]))
    assert curve.threshold_for_quality(0.6) == 0.5
    assert curve.threshold_for_quality(0.8) == pytest.approx(0.1)


def test_a_level_end_does_not_bend_the_curve_before_it() -> None:
    curve = Curve(CurvePoints(threshold=[0.5, 0.9], strong_share=[0.4, 0.0], quality=[0.5, 0.0]))
    assert curve.threshold_for_strong_share(0.2) == pytest.approx(0.7)
    assert curve.threshold_for_strong_share(0.0) == 1.0


@given(st.floats(0, 1), st.floats(0, 1))
def test_more_quality_never_costs_a_higher_threshold(one: float, other: float) -> None:
    curve = make_curve()
    low, high = sorted([one, other])
    assert curve.threshold_for_quality(high) <= curve.threshold_for_quality(low)
    assert curve.quality_at(curve.threshold_for_quality(one)) == pytest.approx(one, abs=1e-9)


def test_the_points_survive_a_round_trip() -> None:
    points = make_curve().points()
    assert Curve(points).points() == points


@pytest.mark.parametrize(
    "points",
    [
        CurvePoints(threshold=[0.5, 0.4], strong_share=[0.5, 0.4], quality=[0.5, 0.4]),
        CurvePoints(threshold=[0.4, 0.5], strong_share=[0.4, 0.5], quality=[0.5, 0.4]),
        CurvePoints(threshold=[0.4, 0.5], strong_share=[0.5, 0.4], quality=[0.4, 0.5]),
        CurvePoints(threshold=[0.4], strong_share=[0.5, 0.4], quality=[0.4]),
        CurvePoints(threshold=[0.4], strong_share=[0.5], quality=[1.4]),
        CurvePoints(threshold=[0.4], strong_share=[float("nan")], quality=[0.4]),
    ],
)
def test_points_that_are_no_cost_quality_curve_are_refused(points: CurvePoints) -> None:
    with pytest.raises(ArtifactError, match="curve"):
        Curve(points)
