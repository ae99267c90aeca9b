from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import ArtifactError
from router.scoring.calibration import Calibrator


def test_platt_is_the_sigmoid_of_a_line() -> None:
    scores = np.array([-4.0, -0.3, 0.0, 0.7, 5.0])
    expected = 1 / (1 + np.exp(-(1.7 * scores - 0.4)))
    np.testing.assert_allclose(Calibrator.platt(1.7, -0.4).apply(scores), expected, rtol=1e-12)


def test_knots_are_met_and_joined_by_straight_lines_in_log_odds() -> None:
    calibrator = Calibrator(np.array([0.0, 1.0, 3.0]), np.array([-2.0, 0.0, 1.0]))
    rates = calibrator.apply(np.array([-1.0, 0.0, 1.0, 2.0, 3.0, 5.0]))
    np.testing.assert_allclose(np.log(rates / (1 - rates)), [-4.0, -2.0, 0.0, 0.5, 1.0, 2.0], atol=1e-12)


@given(
    st.lists(st.tuples(st.floats(0.01, 5), st.floats(0.01, 2)), min_size=2, max_size=6),
    st.floats(-4, 4),
    st.floats(1e-3, 2),
)
def test_a_higher_score_always_has_a_higher_win_rate(steps: list[tuple[float, float]], low: float, gap: float) -> None:
    knots = np.cumsum(np.array(steps), axis=0)
    calibrator = Calibrator(knots[:, 0] - 5, np.minimum(knots[:, 1], 12) - 6 + np.arange(len(knots)) * 1e-3)
    lower, higher = calibrator.apply(np.array([low, low + gap]))
    assert 0.0 < lower <= higher < 1.0
    assert lower < higher or higher > 1 - 1e-12 or lower < 1e-12


def test_win_rates_of_absurd_scores_stay_within_zero_and_one() -> None:
    rates = Calibrator.platt(3.0, 0.0).apply(np.array([-1e300, 1e300]))
    assert 0.0 < rates[0] < 1e-9
    assert 1 - 1e-9 < rates[1] < 1.0


def test_the_knots_survive_a_round_trip() -> None:
    calibrator = Calibrator(np.array([0.0, 0.1, 0.7]), np.array([-1.0, 0.3, 0.4]))
    again = Calibrator.from_dict(calibrator.to_dict())
    scores = np.linspace(-1, 2, 50)
    assert np.array_equal(again.apply(scores), calibrator.apply(scores))


@pytest.mark.parametrize(
    ("scores", "logits"),
    [
        ([0.0], [0.0]),
        ([0.0, 0.0], [0.0, 1.0]),
        ([0.0, 1.0], [1.0, 1.0]),
        ([0.0, 1.0], [0.0, np.nan]),
        ([0.0, 1.0], [0.0]),
    ],
)
def test_knots_that_do_not_rise_are_refused(scores: list[float], logits: list[float]) -> None:
    with pytest.raises(ArtifactError, match="calibration"):
        Calibrator.from_dict({"scores": scores, "logits": logits})


def test_a_falling_platt_map_is_refused() -> None:
    with pytest.raises(ArtifactError, match="strictly increasing"):
        Calibrator.platt(-1.0, 0.0)
