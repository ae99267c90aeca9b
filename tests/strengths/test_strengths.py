"""An artifact for another pair of models from their strengths alone: the map, the shift, and what is written."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from router.errors import DataError
from router.scoring.artifact import default_artifact_path, load_artifact
from router.scoring.scorer import Scorer
from training.calibration_error import debiased_error
from training.cli import main
from training.records import Battle, Graded
from training.strengths.derive import fit_overlap, fit_tie_margin
from training.strengths.rates import OVERLAP, TIE_MARGIN, base_rate, right_where_wrong
from training.strengths.shift import shift_to, shifted_curve

PROMPTS = ("What is the capital of France?", "Prove that there are infinitely many primes.", "Write a haiku", "x" * 900)


def pair_command(*words: object) -> str:
    result = CliRunner().invoke(main, ["pair", *map(str, words)])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_without_ties_the_base_rate_is_what_ratings_mean() -> None:
    assert base_rate(1000, 1200, "elo", tie_margin=0.0) == pytest.approx(1 / (1 + 10 ** (-200 / 400)), abs=1e-6)
    assert base_rate(1000, 1000, "elo", tie_margin=0.0) == pytest.approx(0.5, abs=1e-6)


def test_ties_come_off_the_strict_wins_of_both_models_alike() -> None:
    margin = 0.4
    win = base_rate(1000, 1150, "elo", tie_margin=margin)
    gap = math.log(win / (1 - win)) + margin
    loss = 1 / (1 + math.exp(gap + margin))
    assert win + 0.5 * (1 - win - loss) == pytest.approx(1 / (1 + 10 ** (-150 / 400)), abs=1e-6)


@pytest.mark.parametrize("scale", ["elo", "accuracy"])
def test_the_base_rate_rises_with_the_gap(scale: str) -> None:
    strengths = [1000, 1050, 1200, 1600] if scale == "elo" else [0.4, 0.5, 0.7, 0.95]
    rates = [base_rate(strengths[0], strong, "elo" if scale == "elo" else "accuracy") for strong in strengths]
    assert rates == sorted(set(rates))


def test_successes_that_are_nested_leave_the_difference_and_independent_ones_the_product() -> None:
    assert right_where_wrong(0.6, 0.8, overlap=1.0) == pytest.approx(0.2)
    assert right_where_wrong(0.6, 0.8, overlap=0.0) == pytest.approx(0.8 * 0.4)


@pytest.mark.parametrize(
    ("weak", "strong", "scale", "said"),
    [
        (1200, 1100, "elo", "--weak-strength 1200 is above --strong-strength 1100"),
        (1000, 9000, "elo", "8000 Elo points apart"),
        (65, 80, "accuracy", "65 % is 0.65"),
        (-0.1, 0.5, "accuracy", "shares from 0 to 1"),
        (float("nan"), 0.5, "accuracy", "--weak-strength nan: a finite number"),
    ],
)
def test_strengths_that_cannot_be_are_refused_in_a_sentence(weak: float, strong: float, scale: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        base_rate(weak, strong, "elo" if scale == "elo" else "accuracy")


@pytest.mark.parametrize("rate", [0.05, 0.5, 0.9])
def test_after_the_shift_the_mean_win_rate_over_the_curve_is_the_base_rate(rate: float) -> None:
    curve = load_artifact(default_artifact_path()).curve
    moved = shifted_curve(curve, shift_to(curve, rate))
    shares = (np.arange(1000) + 0.5) / 1000
    rates = np.interp(shares, moved.strong_share[::-1], moved.threshold[::-1])
    inner = moved.threshold[1:-1]
    assert np.clip(rates, inner.min(), inner.max()).mean() == pytest.approx(rate, abs=0.01)


def test_a_pair_gets_win_rates_of_its_own_and_the_ranking_of_the_artifact(tmp_path: Path) -> None:
    words = ["--weak-strength", 0.65, "--strong-strength", 0.8, "--scale", "accuracy", "--name", "near/3"]
    said = json.loads(pair_command(*words, "--out", tmp_path / "out", "--json"))
    shipped, moved = Scorer.load(), Scorer.load(tmp_path / "out")
    assert moved.version == said["artifact"] == "near/3"
    before, rates_before = shipped.score_batch(list(PROMPTS))
    after, rates_after = moved.score_batch(list(PROMPTS))
    assert np.array_equal(before, after)
    odds = np.log(rates_after / (1 - rates_after)) - np.log(rates_before / (1 - rates_before))
    assert odds == pytest.approx(said["pair"]["shift"], abs=1e-6)
    assert said["pair"]["base_rate"] == pytest.approx(base_rate(0.65, 0.8, "accuracy"), abs=1e-6)
    shares = {name: point["strong_share"] for name, point in said["operating_points"].items()}
    assert shares == pytest.approx({"cheap": 0.25, "balanced": 0.5, "best": 0.8}, abs=0.01)
    card = (tmp_path / "out" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "0.65" in card
    assert "not measured on the new pair" in card


def test_the_card_says_what_a_pair_started_from_and_how_to_make_it_again(tmp_path: Path) -> None:
    words = ["--weak-strength", "0.65", "--strong-strength", "0.8", "--scale", "accuracy"]
    first, second = tmp_path / "first", tmp_path / "second"
    pair_command(*words, "--name", "near/3", "--out", first)
    pair_command(*words, "--name", "far/1", "--artifact", first, "--out", second)
    one, two = ((folder / "MODEL_CARD.md").read_text(encoding="utf-8") for folder in (first, second))
    assert "--name near/3\n" in one
    assert "It starts from the shipped artifact, default/" in one
    assert "--scale accuracy --artifact near/3 --name far/1\n" in two
    assert "`--artifact` is the folder of near/3." in two
    for card in (one, two):
        assert "`DATA` is the data folder" not in card
        assert "The encoder is taken from the shipped artifact" not in card
        assert str(tmp_path) not in card


def test_the_same_strengths_give_the_same_bytes(tmp_path: Path) -> None:
    words = ["--weak-strength", 1050, "--strong-strength", 1250, "--scale", "elo", "-q"]
    for folder in ("one", "two"):
        pair_command(*words, "--out", tmp_path / folder)
    for path in sorted((tmp_path / "one").iterdir()):
        assert (tmp_path / "two" / path.name).read_bytes() == path.read_bytes(), path.name


def test_the_artifact_that_a_pair_starts_from_is_never_overwritten(tmp_path: Path) -> None:
    strengths = ["--weak-strength", "1000", "--strong-strength", "1200", "--scale", "elo"]
    for words, said in (
        (["--out", default_artifact_path()], "name another folder"),
        (["--name", "default/1", "--out", tmp_path / "out"], "choose another name"),
    ):
        result = CliRunner().invoke(main, ["pair", *strengths, *map(str, words)])
        assert result.exit_code == 1
        assert said in result.output


def test_the_tie_margin_is_found_again_in_votes_that_were_made_with_it() -> None:
    draw = random.Random(2)
    strengths = {"a": -0.8, "b": 0.0, "c": 0.8}
    votes = []
    for number in range(6000):
        first, second = draw.sample(sorted(strengths), 2)
        gap, chance = strengths[first] - strengths[second], draw.random()
        win, loss = (1 / (1 + math.exp(-sign * gap + 0.6)) for sign in (1, -1))
        winner = "model_a" if chance < win else "model_b" if chance < win + loss else "tie"
        votes.append(Battle(prompt=str(number), model_a=first, model_b=second, winner=winner, source="s"))  # type: ignore[arg-type]
    assert fit_tie_margin(votes) == pytest.approx(0.6, abs=0.06)


def test_models_that_fail_together_overlap_fully() -> None:
    draw = random.Random(1)
    hard = [draw.random() for _ in range(400)]
    nested = [
        Graded(prompt=str(n), source="t", scores={"a": float(h < 0.4), "b": float(h < 0.7)}) for n, h in enumerate(hard)
    ]
    assert fit_overlap(nested) == pytest.approx(1.0)
    apart = [
        Graded(prompt=str(n), source="t", scores={"a": float(draw.random() < 0.4), "b": float(draw.random() < 0.7)})
        for n in range(4000)
    ]
    assert abs(fit_overlap(apart)) < 0.1


def test_chance_is_taken_off_the_calibration_error() -> None:
    draw = np.random.default_rng(0)
    rates = draw.uniform(0.2, 0.8, 4000)
    wins = (draw.random(4000) < rates).astype(np.float64)
    assert debiased_error(rates, wins) < 0.02
    assert debiased_error(rates + 0.1, wins) == pytest.approx(0.1, abs=0.02)


def test_the_constants_are_those_of_the_data_and_the_shift_calibrates_pairs_that_had_no_say(shared_data: Path) -> None:
    result = CliRunner().invoke(main, ["strengths", "--data", str(shared_data), "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["tie_margin"] == pytest.approx(TIE_MARGIN, abs=0.002)
    assert found["overlap"] == pytest.approx(OVERLAP, abs=0.002)
    for check in found["checks"].values():
        assert check["pairs"] >= 50
        assert check["after_interval"][1] < check["before_interval"][0]
