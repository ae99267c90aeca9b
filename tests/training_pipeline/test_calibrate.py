"""Calibration and the cost-quality curve, on data whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from router.errors import DataError
from training.calibrate import calibrate, decided
from training.calibration_error import calibration_error, debiased_error
from training.corpus import Corpus
from training.gains import gains
from training.labels import label_battles
from training.records import Battle, Drops, Family, Graded, Labelled
from training.tradeoff import OPERATING_SHARE, measure_curve, operating_points


def _labelled(wins: list[float | None], family: Family = "chat") -> list[Labelled]:
    return [
        Labelled(
            prompt=f"{family} {n}", source=family, family=family, target=0.5, strong_wins=win, weight=1.0, group=str(n)
        )
        for n, win in enumerate(wins)
    ]


def _votes(n: int, slope: float) -> tuple[np.ndarray, list[Labelled]]:
    generator = np.random.default_rng(0)
    scores = generator.normal(size=n)
    wins = generator.random(n) < 1 / (1 + np.exp(-(slope * scores - 0.5)))
    return scores, _labelled([float(win) for win in wins])


def test_win_rates_come_near_the_true_chances() -> None:
    scores, labelled = _votes(4000, slope=1.2)
    found = calibrate(scores, labelled).calibrator.apply(np.array([-2.0, 0.0, 2.0]))
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-np.array([-2.9, -0.5, 1.9]))), atol=0.04)


def test_a_higher_score_never_has_a_lower_win_rate_even_where_the_votes_say_so() -> None:
    scores, labelled = _votes(400, slope=-2.0)
    win_rates = calibrate(scores, labelled).calibrator.apply(np.linspace(-3, 3, 50))
    assert np.all(np.diff(win_rates) > 0)


def test_few_votes_pull_the_slope_less_than_many() -> None:
    spread = []
    for n in (40, 4000):
        scores, labelled = _votes(n, slope=1.5)
        low, high = calibrate(scores, labelled).calibrator.apply(np.array([-1.0, 1.0]))
        spread.append(high - low)
    assert spread[0] < spread[1]


def test_prompts_on_which_both_answers_were_bad_are_left_out() -> None:
    labelled = _labelled([1.0, None, 0.0] * 20)
    assert len(decided(labelled)) == 40


def test_votes_alone_calibrate_where_there_are_enough() -> None:
    votes, grades = _labelled([1.0, 0.0] * 25), _labelled([0.0] * 100, "exam")
    assert {labelled.family for labelled in [(votes + grades)[place] for place in decided(votes + grades)]} == {"chat"}
    assert len(decided(votes[:10] + grades)) == 110


def test_a_slice_that_says_nothing_is_refused_with_the_remedy() -> None:
    with pytest.raises(DataError, match=r"about 200 votes in all\); .*clearly different strength"):
        calibrate(np.zeros(30), _labelled([None] * 30))


def test_the_calibration_error_of_true_chances_is_small_and_of_false_ones_large() -> None:
    generator = np.random.default_rng(0)
    chances = generator.random(20_000)
    wins = (generator.random(20_000) < chances).astype(float)
    assert debiased_error(chances, wins) < 0.02
    assert debiased_error(1 - chances, wins) > 0.3


def test_an_oracle_recovers_everything_with_the_share_of_prompts_that_gain() -> None:
    gain = np.array([1.0] * 30 + [0.0] * 70)
    win_rates = np.linspace(0.9, 0.1, 100)
    curve = measure_curve(win_rates, gain)
    assert curve.strong_share_at(curve.threshold_for_quality(0.99)) == pytest.approx(0.30, abs=0.03)


def test_a_curve_never_rises_with_the_threshold_and_ends_where_it_must() -> None:
    generator = np.random.default_rng(0)
    curve = measure_curve(generator.random(500), generator.choice([-1.0, 0.0, 1.0, 1.0], 500))
    assert np.all(np.diff(curve.quality) <= 0)
    assert np.all(np.diff(curve.strong_share) <= 0)
    assert (curve.quality[0], curve.quality[-1]) == (1.0, 0.0)


def test_each_operating_point_sends_its_share_and_says_what_that_gave() -> None:
    generator = np.random.default_rng(0)
    win_rates = generator.random(2000)
    gain = (generator.random(2000) < win_rates).astype(float)
    points = operating_points(measure_curve(win_rates, gain), 2000)
    for name, share in OPERATING_SHARE.items():
        chosen = win_rates >= points[name].threshold
        assert chosen.mean() == pytest.approx(share, abs=0.03)
        assert points[name].strong_share == pytest.approx(share, abs=0.03)
        assert points[name].quality == pytest.approx(gain[chosen].sum() / gain.sum(), abs=0.03)


def test_a_curve_cannot_be_measured_where_the_strong_models_gain_nothing() -> None:
    with pytest.raises(DataError, match="cannot be measured"):
        measure_curve(np.linspace(0, 1, 50), np.full(50, -1.0))


def test_a_win_of_the_stronger_model_gains_and_a_loss_costs() -> None:
    def battle(prompt: str, winner: str) -> Battle:
        return Battle(prompt=prompt, model_a="big", model_b="small", winner=winner, source="votes")

    usual = [battle(f"usual {n}", "model_a") for n in range(30)]
    odd = [battle("lost", "model_b"), battle("drawn", "tie"), battle("hopeless", "both_bad")]
    corpus = Corpus(battles=usual + odd, graded=[], drops=Drops(), sources=())
    found = gains(corpus)
    assert found["votes", "usual 3"] == 1.0
    assert found["votes", "lost"] == -1.0
    assert found["votes", "drawn"] == 0.0
    assert ("votes", "hopeless") not in found


@pytest.mark.parametrize("usual", ["strong", "weak"])
def test_models_called_weak_and_strong_gain_by_their_names_as_they_are_labelled_by_them(usual: str) -> None:
    mostly, seldom = ("model_b", "model_a") if usual == "strong" else ("model_a", "model_b")
    votes = [
        Battle(prompt=f"q{n}", model_a="weak", model_b="strong", winner=mostly if n % 3 else seldom, source="mine")
        for n in range(30)
    ]
    found = gains(Corpus(battles=votes, graded=[], drops=Drops(), sources=()))
    wins = {row.prompt: row.strong_wins for row in label_battles(votes)}
    assert {prompt: gain > 0 for (_, prompt), gain in found.items()} == {p: win == 1 for p, win in wins.items()}


def test_the_gain_on_a_graded_question_is_the_difference_of_the_tiers() -> None:
    grades = [Graded(prompt=f"q{n}", source="exam", scores={"weak": float(n < 2), "strong": 1.0}) for n in range(8)]
    found = gains(Corpus(battles=[], graded=grades, drops=Drops(), sources=()))
    assert found["exam", "q0"] == 0.0
    assert found["exam", "q5"] == 1.0


@pytest.mark.parametrize(("true", "least"), [(0.0, 0.9), (0.05, 0.85)])
def test_the_interval_of_a_calibration_error_holds_the_true_one_about_as_often_as_it_says(
    true: float, least: float
) -> None:
    rng = np.random.default_rng(3)
    held = []
    for _ in range(60):
        chances = rng.uniform(0.2, 0.8, 2_000)
        found = calibration_error(chances + true, (rng.random(2_000) < chances).astype(np.float64))
        held.append(found.ci[0] - 1e-9 <= true <= found.ci[1])
    assert np.mean(held) >= least


def test_a_calibration_error_is_neither_inflated_nor_shrunk_by_chance() -> None:
    rng = np.random.default_rng(4)
    chances = rng.uniform(0.2, 0.8, 2_000)
    errors = [debiased_error(chances + 0.05, (rng.random(2_000) < chances).astype(np.float64)) for _ in range(100)]
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(0.05, abs=0.004)
