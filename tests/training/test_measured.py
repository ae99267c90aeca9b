"""What a run records for tables and figures: curves with bands, kinds of prompts, win rates against outcomes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from training.evaluate import Benchmark, evaluate
from training.evaluate.areas import OTHER, SUBJECTS, area_of
from training.evaluate.measured import ALL, categories, curve_with_band, measured_json
from training.evaluate.published import PUBLISHED, published_for
from training.held_out import held_out_by_family, held_out_curve, held_out_figures, wilson
from training.records import Labelled


def exam(n: int, seed: int = 0, kinds: tuple[str, ...] = ()) -> Benchmark:
    draw = np.random.default_rng(seed)
    weak, strong = 100.0 * (draw.random(n) < 0.5), 100.0 * (draw.random(n) < 0.8)
    names = [kinds[number % len(kinds)] for number in range(n)] if kinds else ()
    return Benchmark("exam", [f"question {number}" for number in range(n)], weak, strong, names)


def known_curve(n: int, seed: int) -> tuple[Benchmark, np.ndarray]:
    """Prompts of which the gain is 1 with a chance of the score itself: the true curve is 2x - x^2."""
    draw = np.random.default_rng(seed)
    scores = draw.random(n)
    gain = (draw.random(n) < scores).astype(float)
    return Benchmark("known", [f"{seed} {number}" for number in range(n)], np.zeros(n), gain), scores


def test_the_band_holds_the_true_curve_about_as_often_as_it_says() -> None:
    held, points = 0, 0
    for seed in range(30):
        curve = curve_with_band(*known_curve(300, seed))
        share = np.array(curve["strong_share"][1:-1])
        truth = 2 * share - share**2
        held += int(np.sum((truth >= curve["low"][1:-1]) & (truth <= curve["high"][1:-1])))
        points += len(share)
    assert 0.88 <= held / points <= 0.99


def test_more_prompts_make_a_narrower_band() -> None:
    few, many = (curve_with_band(*known_curve(n, 3)) for n in (100, 1600))
    widths = [np.mean(np.subtract(curve["high"], curve["low"])) for curve in (few, many)]
    assert widths[1] < 0.4 * widths[0]


def test_the_band_is_of_no_width_where_everything_goes_one_way() -> None:
    curve = curve_with_band(exam(100), np.arange(100.0))
    assert (curve["low"][0], curve["high"][0], curve["low"][-1], curve["high"][-1]) == (0, 0, 1, 1)


def test_the_record_keeps_the_report_and_adds_what_figures_need() -> None:
    benchmark = exam(200, kinds=("law", "maths"))
    scores = np.random.default_rng(4).random(200)
    record = measured_json(benchmark, scores, scores, threshold=0.5, artifact="mine/1")
    assert record["router"]["apgr"] == pytest.approx(evaluate(benchmark, scores).apgr, abs=1e-6)
    assert set(record["baselines"]) == {"length", "oracle"}
    assert [row["category"] for row in record["categories"]] == ["law", "maths", ALL]
    assert record["categories"][-1]["strong_share"] == pytest.approx(np.mean(scores >= 0.5), abs=1e-4)


def test_a_category_says_what_its_own_prompts_recover() -> None:
    weak, strong = np.zeros(20), np.ones(20)
    benchmark = Benchmark("two", [f"{n}" for n in range(20)], weak, strong, ["a"] * 10 + ["b"] * 10)
    sent = np.array([True] * 4 + [False] * 6 + [True] * 10)
    first, second, whole = categories(benchmark, sent)
    assert (first["quality"], second["quality"], whole["quality"]) == (0.4, 1.0, 0.7)
    assert first["quality_ci"][0] < 0.4 < first["quality_ci"][1]
    assert second["quality_ci"] == [1.0, 1.0]


def test_where_there_is_no_clear_gap_no_quality_is_claimed() -> None:
    draw = np.random.default_rng(0)
    even = Benchmark("even", [f"{n}" for n in range(200)], draw.random(200), draw.random(200))
    tiny = Benchmark("tiny", [f"{n}" for n in range(5)], np.zeros(5), np.ones(5))
    for benchmark in (even, tiny):
        (row,) = categories(benchmark, np.full(len(benchmark), fill_value=True))
        assert (row["quality"], row["quality_ci"]) == (None, None)


def test_every_subject_has_one_area() -> None:
    subjects = [subject for listed in SUBJECTS.values() for subject in listed.split()]
    assert len(subjects) == len(set(subjects)) == 55
    assert area_of("college_physics") == "physics and engineering"
    assert area_of("miscellaneous") == OTHER


def test_only_general_knowledge_of_the_real_table_is_left_without_an_area(shared_data: Path) -> None:
    import gzip

    with gzip.open(shared_data / "routellm_evals" / "mmlu.jsonl.gz", "rt", encoding="utf-8") as lines:
        domains = {json.loads(line)["domain"] for line in lines}
    assert len(domains) == 57
    assert {domain for domain in domains if area_of(domain) == OTHER} == {"global_facts", "miscellaneous"}


def test_published_figures_stand_beside_the_prompts_that_they_were_measured_on_and_no_others() -> None:
    assert published_for("mt-bench", 72) is PUBLISHED["mt-bench"]
    assert published_for("mt-bench", 20) is None
    assert published_for("mine", 72) is None


def test_bins_hold_every_prompt_once_and_rise() -> None:
    draw = np.random.default_rng(0)
    win_rates = draw.random(1003)
    wins = (draw.random(1003) < win_rates).astype(float)
    bins = held_out_figures(win_rates, wins)["reliability"]
    assert sum(part["n"] for part in bins) == 1003
    assert [part["win_rate"] for part in bins] == sorted(part["win_rate"] for part in bins)
    outside = [part for part in bins if not part["wins_ci"][0] <= part["win_rate"] <= part["wins_ci"][1]]
    assert len(outside) <= 2


@pytest.mark.parametrize(
    ("share", "n", "low", "high"), [(0.5, 10, 0.2366, 0.7634), (0.0, 10, 0.0, 0.2775), (1.0, 10, 0.7225, 1.0)]
)
def test_wilsons_interval_is_that_of_the_tables(share: float, n: int, low: float, high: float) -> None:
    assert wilson(share, n) == pytest.approx((low, high), abs=1e-4)


def test_families_are_kept_apart_and_undecided_prompts_left_out() -> None:
    rows = [("chat", 1.0), ("chat", None), ("exam", 0.0), ("exam", 0.5)]
    labelled = [
        Labelled(prompt="p", source="s", family=family, target=0, strong_wins=wins, weight=1, group="g")
        for family, wins in rows
    ]
    found = held_out_by_family(np.array([0.9, 0.1, 0.2, 0.4]), labelled)
    assert {family: (row["n"], row["mean_win_rate"], row["share_of_wins"]) for family, row in found.items()} == {
        "chat": (1, 0.9, 1.0),
        "exam": (2, 0.3, 0.25),
    }


def test_the_held_out_curve_measures_gains_that_may_be_losses() -> None:
    gain = np.array([1.0, 1.0, -1.0, 0.0] * 20)
    curve = held_out_curve([f"{n}" for n in range(80)], gain + 0.01 * np.arange(80), gain)
    assert curve["n"] == 80
    assert max(curve["curve"]["quality"]) == pytest.approx(2.0, abs=0.1)
    assert curve["curve"]["quality"][-1] == 1.0
