"""Two artifacts on the same prompts: who is better, and whether the prompts can show it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from router.errors import DataError
from router.scoring.artifact import default_artifact_path
from training.cli import main
from training.comparing import benchmark_of_labels
from training.evaluate import Benchmark, apgr, curve
from training.evaluate.bootstrap import RESAMPLES
from training.evaluate.comparison import compare_scores

SHIPPED = default_artifact_path()


def exam(n: int, seed: int = 0) -> Benchmark:
    draw = np.random.default_rng(seed)
    strong = 100.0 * (draw.random(n) < 0.8)
    weak = 100.0 * (draw.random(n) < 0.5)
    return Benchmark("exam", [f"question {number}" for number in range(n)], weak, strong)


def informed(benchmark: Benchmark, noise: float, seed: int = 1) -> np.ndarray:
    gain = benchmark.strong - benchmark.weak
    return gain / 100.0 + noise * np.random.default_rng(seed).normal(size=len(gain))


def difference(benchmark: Benchmark, one: np.ndarray, two: np.ndarray, places: np.ndarray) -> float:
    """APGR of the second router less that of the first on the prompts at ``places``, which may repeat."""
    prompts = [benchmark.prompts[place] for place in places.tolist()]
    first, second = (
        apgr(*curve(scores[places], benchmark.weak[places], benchmark.strong[places], prompts)) for scores in (one, two)
    )
    return second - first


def drawn_differences(benchmark: Benchmark, one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """The difference on each resample of the prompts, by sorting each anew."""
    draw = np.random.default_rng(0)
    n = len(benchmark)
    return np.array([difference(benchmark, one, two, draw.integers(0, n, n)) for _ in range(RESAMPLES)])


def compare_command(*words: object) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, words)])


def labels_file(path: Path, rows: list[tuple[int, int]]) -> Path:
    lines = [
        json.dumps({"prompt": f"question {number}", "weak_correct": weak, "strong_correct": strong})
        for number, (weak, strong) in enumerate(rows)
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_the_router_that_knows_more_is_shown_to_be_better_on_every_metric() -> None:
    benchmark = exam(800)
    found = compare_scores(benchmark, informed(benchmark, 30.0), informed(benchmark, 0.5))
    assert [metric.shows for metric in found.metrics] == ["b", "b", "b"]
    assert [metric.metric for metric in found.metrics if metric.difference < 0] == ["cpt50", "cpt80"]
    assert all(metric.share_b_better > 0.99 for metric in found.metrics)


def test_swapping_the_routers_turns_every_sign_round() -> None:
    benchmark = exam(300)
    one, two = informed(benchmark, 1.0), informed(benchmark, 2.0, seed=5)
    there, back = compare_scores(benchmark, one, two), compare_scores(benchmark, two, one)
    for forth, reverse in zip(there.metrics, back.metrics, strict=True):
        assert forth.difference == pytest.approx(-reverse.difference)
        assert forth.interval == pytest.approx((-reverse.interval[1], -reverse.interval[0]))


def test_its_interval_is_that_of_both_routers_on_the_very_prompts_of_each_resample() -> None:
    benchmark = exam(200)
    one, two = informed(benchmark, 1.0), informed(benchmark, 2.0, seed=5)
    found = compare_scores(benchmark, one, two).metrics[0]
    differences = drawn_differences(benchmark, one, two)
    assert found.difference == pytest.approx(difference(benchmark, one, two, np.arange(200)), abs=1e-6)
    assert found.interval == pytest.approx(tuple(np.percentile(differences, [2.5, 97.5])), abs=1e-6)
    assert found.share_b_better == pytest.approx(np.mean(differences > 0), abs=1e-4)


def test_two_routers_that_guess_are_rarely_told_apart() -> None:
    told = 0
    for seed in range(40):
        benchmark, draw = exam(150, seed), np.random.default_rng(1000 + seed)
        found = compare_scores(benchmark, draw.random(150), draw.random(150), resamples=300, seed=seed)
        told += found.metrics[0].shows is not None
    assert told <= 6


def test_scores_in_another_unit_rank_alike_and_show_nothing() -> None:
    benchmark = exam(60)
    scores = informed(benchmark, 1.0)
    found = compare_scores(benchmark, scores, 3.0 * scores + 1.0)
    assert found.same_order
    assert [(metric.difference, metric.shows, metric.share_b_better) for metric in found.metrics] == [(0, None, 0)] * 3


def test_labels_of_the_weak_model_alone_take_the_strong_one_to_be_right(tmp_path: Path) -> None:
    path = tmp_path / "weak.jsonl"
    path.write_text('{"prompt": "a", "weak_correct": 1}\n{"prompt": "b", "weak_correct": 0.25}', encoding="utf-8")
    benchmark = benchmark_of_labels(path)
    assert benchmark.weak.tolist() == [100.0, 25.0]
    assert benchmark.strong.tolist() == [100.0, 100.0]


def test_labels_without_a_gap_are_refused_in_a_sentence(tmp_path: Path) -> None:
    path = labels_file(tmp_path / "labels.jsonl", [(1, 0), (0, 1)])
    with pytest.raises(DataError, match=r"labels\.jsonl: the strong model is no better .* these 2 labels"):
        benchmark_of_labels(path)


@pytest.mark.parametrize("words", [[], ["--on", "data", "--labels", "data/sample/graded.jsonl"]])
def test_what_is_compared_on_is_never_assumed(words: list[str]) -> None:
    done = compare_command(SHIPPED, SHIPPED, *words)
    assert done.exit_code == 2
    assert "exactly one of --on FOLDER and --labels FILE" in done.output


def test_a_folder_without_tables_is_named(tmp_path: Path) -> None:
    done = compare_command(SHIPPED, SHIPPED, "--on", tmp_path)
    assert done.exit_code == 1
    assert f"{tmp_path}: holds no table of mt-bench, mmlu, gsm8k" in done.output


def test_an_artifact_does_not_beat_itself(repository: Path) -> None:
    done = compare_command(SHIPPED, SHIPPED, "--on", repository / "data" / "sample" / "benchmarks")
    assert done.exit_code == 0, done.output
    assert done.stdout.count("they rank these prompts alike") == 9
    assert "mt-bench: 20 prompts, A = default/" in done.stdout


@pytest.fixture(scope="module")
def refitted(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> tuple[Path, Path]:
    """An artifact that was refitted on the sample's grades of one pair, and the file of these labels."""
    folder = tmp_path_factory.mktemp("refitted")
    graded = (repository / "data" / "sample" / "graded.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [{"prompt": row["prompt"], "weak_correct": row["scores"]["pebble-mini"]} for row in map(json.loads, graded)]
    labels = folder / "labels.jsonl"
    labels.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    done = CliRunner().invoke(main, ["refit", "--labels", str(labels), "--out", str(folder / "out"), "-q"])
    assert done.exit_code == 0, done.output
    return folder / "out", labels


def test_labels_that_an_artifact_was_fitted_on_are_said_to_flatter_it(refitted: tuple[Path, Path]) -> None:
    artifact, labels = refitted
    done = compare_command(SHIPPED, artifact, "--labels", labels)
    assert "B was fitted on these very labels" in done.stderr
    assert "A was fitted" not in done.stderr


def test_the_json_holds_both_values_the_difference_and_the_verdict(refitted: tuple[Path, Path]) -> None:
    artifact, labels = refitted
    said = json.loads(compare_command(SHIPPED, artifact, "--labels", labels, "--json").stdout)
    assert said["fitted_on_these_labels"] == ["b"]
    (found,) = said["comparisons"]
    assert (found["n"], found["benchmark"]) == (120, "labels.jsonl")
    assert [metric["metric"] for metric in found["metrics"]] == ["apgr", "cpt50", "cpt80"]
    assert set(found["metrics"][0]) == {"metric", "a", "b", "difference", "interval", "share_b_better", "better"}


def test_few_prompts_are_said_to_show_no_difference(repository: Path, refitted: tuple[Path, Path]) -> None:
    done = compare_command(SHIPPED, refitted[0], "--on", repository / "data" / "sample" / "benchmarks")
    assert "no difference that these 20 prompts can show" in done.stdout
