"""A whole run on the sample: what comes out loads, routes, reports, and comes out the same again."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from router.scoring.artifact import default_artifact_path
from router.scoring.scorer import Scorer
from tests.training_pipeline.conftest import TrainRouter
from training import pipeline
from training.cli import main
from training.golden_prompts import GOLDEN_PROMPTS

DOCUMENTS = ("MODEL_CARD.md", "benchmarks.png", "categories.png", "curve.png", "reliability.png", "report.html")


def test_an_easy_and_a_hard_prompt_take_different_routes(sample_scorer: Scorer, sample: Path) -> None:
    rows = [json.loads(line) for line in (sample / "tryout.jsonl").read_text(encoding="utf-8").splitlines()]
    _, win_rates = sample_scorer.score_batch([row["prompt"] for row in rows])
    hard = np.array([row["expected"] == "strong" for row in rows])
    strong = win_rates >= sample_scorer.manifest.operating_points["balanced"].threshold
    assert np.mean(strong == hard) >= 0.9


def test_the_artifact_says_what_it_is_and_what_it_was_measured_to_give(sample_scorer: Scorer) -> None:
    manifest = sample_scorer.manifest
    assert manifest.label == "sample/3"
    assert manifest.command == "train-router --data DATA --classifier ridge --seed 0 --name sample/3 --evaluate"
    assert {source["name"] for source in manifest.training_data} == {"sample/battles", "sample/graded"}
    points = manifest.operating_points
    assert points["cheap"].threshold > points["balanced"].threshold > points["best"].threshold
    assert [report["benchmark"] for report in manifest.measured["benchmarks"]] == ["mt-bench", "mmlu", "gsm8k"]


def test_the_curve_is_measured_on_the_kinds_of_prompt_that_calibrated(
    sample: Path, train_router: TrainRouter, tmp_path: Path
) -> None:
    votes = (sample / "battles.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "few.jsonl").write_text("".join(votes[:140]), encoding="utf-8")
    words = ["--battles", tmp_path / "few.jsonl", "--graded", sample / "graded.jsonl", "--out", tmp_path / "out", "-q"]
    train_router("fit", *words)
    manifest = Scorer.load(tmp_path / "out").manifest
    assert manifest.measured["calibration"]["family"] == "all"
    assert manifest.operating_points["balanced"].n > manifest.measured["held_out"]["exam"]["n"]
    assert manifest.operating_points["balanced"].n > manifest.measured["held_out"]["chat"]["n"]


def test_the_same_run_gives_the_same_bytes_in_another_process_with_other_threads_and_hash_seeds(
    sample: Path, repository: Path, tmp_path: Path
) -> None:
    kinds = {"one": ("1", "1"), "two": ("2", "4242")}
    for name, (threads, seed) in kinds.items():
        command = [sys.executable, "-m", "training", "--data", sample, "--test-sets", sample / "benchmarks"]
        command += ["--evaluate", "--classifier", "blend", "--out", tmp_path / name, "--name", "sample/3", "--quiet"]
        environ = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "PYTHONHASHSEED": seed}
        subprocess.run(command, check=True, cwd=repository, env={**os.environ, **environ})
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in kinds)
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name]] == []


def test_a_run_says_what_it_read_kept_and_measured(sample: Path, tmp_path: Path, train_router: TrainRouter) -> None:
    words = ["fit", "--data", sample, "--out", tmp_path / "out", "--classifier", "lightgbm"]
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    assert re.search(r"sample/battles +480 +kept", result.stderr)
    assert "calibrated on" in result.stderr
    points = re.findall(r"^(\w+): threshold", result.stderr, re.MULTILINE)
    assert points == ["cheap", "balanced", "best"]
    assert re.findall(r"not read: .*", result.stderr) == [
        "not read: 6 files that are no training set (benchmarks/gsm8k.jsonl, ...)"
    ]
    assert f"wrote {tmp_path / 'out'}" in result.stderr
    assert f"replaced {tmp_path / 'out'}" in CliRunner().invoke(main, [str(word) for word in words]).stderr
    assert [part.kind for part in Scorer.load(tmp_path / "out").manifest.heads] == ["trees"]


def test_another_classifier_leaves_no_head_of_the_last_one_behind(
    sample: Path, tmp_path: Path, train_router: TrainRouter
) -> None:
    for kind in ("ridge", "lightgbm"):
        train_router("--data", sample, "--out", tmp_path / "out", "--classifier", kind, "-q")
    assert [path.name for path in (tmp_path / "out").glob("head-*")] == ["head-trees.npy"]


def test_a_folder_with_something_else_in_it_is_left_alone(
    sample: Path, tmp_path: Path, train_router_fails: TrainRouter
) -> None:
    (tmp_path / "thesis.txt").write_text("three years of work", encoding="utf-8")
    said = train_router_fails("--data", sample, "--out", tmp_path, "-q")
    assert "is not empty and holds no artifact" in said
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_votes_of_ones_own_train_without_a_data_folder(sample: Path, tmp_path: Path, train_router: TrainRouter) -> None:
    own = tmp_path / "votes.jsonl"
    own.write_bytes((sample / "battles.jsonl").read_bytes())
    train_router("--battles", own, "--out", tmp_path / "out", "--name", "own", "-q")
    manifest = Scorer.load(tmp_path / "out").manifest
    assert manifest.command.startswith("train-router --battles votes.jsonl ")
    assert [source["name"] for source in manifest.training_data] == ["votes"]


def test_test_prompts_are_kept_out_of_training(sample: Path, tmp_path: Path, train_router: TrainRouter) -> None:
    battle = json.loads((sample / "battles.jsonl").read_text(encoding="utf-8").splitlines()[0])
    tests = tmp_path / "tests"
    tests.mkdir()
    row = {"prompt": battle["turns"][0], "weak_correct": True, "strong_correct": True, "contaminated": False}
    other = {"prompt": "What is 7 x 6?", "weak_correct": False, "strong_correct": True, "contaminated": False}
    for name in ("mmlu", "gsm8k"):
        (tests / f"{name}.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(other) + "\n", encoding="utf-8")
    (tests / "mt_bench.jsonl").write_bytes((sample / "benchmarks" / "mt_bench.jsonl").read_bytes())
    train_router("--data", sample, "--test-sets", tests, "--out", tmp_path / "out", "-q")
    dropped = Scorer.load(tmp_path / "out").manifest.extra["dropped"]
    assert any(source == "sample/battles" and "test prompt" in reason for source, reason, _ in dropped)


def test_a_run_that_is_not_told_to_evaluate_reads_nothing_but_the_prompts_of_test_sets(
    sample: Path, tmp_path: Path, train_router: TrainRouter, train_router_fails: TrainRouter
) -> None:
    tests = tmp_path / "tests"
    tests.mkdir()
    row = {"prompt": "What is 7 x 6?", "weak_correct": "a secret", "strong_correct": "another"}
    for name in ("mmlu", "gsm8k"):
        (tests / f"{name}.jsonl").write_text(json.dumps(row), encoding="utf-8")
    (tests / "mt_bench.jsonl").write_text(json.dumps({"turns": ["Hi!"], "scores": "a third"}), encoding="utf-8")
    words = ["--data", sample, "--test-sets", tests, "--out", tmp_path / "out"]
    manifest = json.loads(train_router(*words, "--json"))
    assert manifest["measured"]["benchmarks"] == []
    assert "a benchmark row needs" in train_router_fails(*words, "--evaluate", "-q")


def test_a_run_says_that_it_keeps_test_prompts_out_and_leaves_scores_alone(sample: Path, tmp_path: Path) -> None:
    words = ["--data", sample, "--test-sets", sample / "benchmarks", "--out", tmp_path / "out"]
    said = CliRunner().invoke(main, [str(word) for word in words]).stderr
    assert re.findall(r"^test sets in .*benchmarks: (.*)$", said, re.MULTILINE) == [
        "prompts like theirs are kept out of training; their scores are not read"
    ]


def test_evaluating_without_test_sets_is_refused_before_anything_is_read(
    sample: Path, tmp_path: Path, train_router_fails: TrainRouter
) -> None:
    said = train_router_fails("--data", sample, "--evaluate", "--out", tmp_path / "out")
    assert "--test-sets" in said
    assert "rows" not in said


def test_the_golden_rows_hold_our_prompts_and_replay(sample_artifact: Path, sample_scorer: Scorer) -> None:
    rows = [json.loads(line) for line in (sample_artifact / "golden.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["prompt"] for row in rows] == list(GOLDEN_PROMPTS)
    _, win_rates = sample_scorer.score_batch([row["prompt"] for row in rows])
    np.testing.assert_allclose(win_rates, [row["win_rate"] for row in rows], atol=1e-6)


def test_the_html_report_needs_nothing_from_elsewhere(sample_artifact: Path) -> None:
    page = (sample_artifact / "report.html").read_text(encoding="utf-8")
    assert page.count('<svg role="img"') == 4
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)|url\((?!#)|@import""", page)
    assert "<script" not in page


def test_the_model_card_names_sources_licences_hashes_and_figures(sample_artifact: Path) -> None:
    card = (sample_artifact / "MODEL_CARD.md").read_text(encoding="utf-8")
    manifest = Scorer.load(sample_artifact).manifest
    for source in manifest.training_data:
        assert source["name"] in card
        assert source["licence"] in card
        assert source["sha256"] in card
    for digest in manifest.files.values():
        assert digest in card
    for report in manifest.measured["benchmarks"]:
        assert f"{report['router']['apgr']:.3f}" in card
    assert manifest.command in card


def test_the_card_of_ones_own_artifact_claims_nothing_about_the_shipped_ones_data(
    sample: Path, tmp_path: Path, train_router: TrainRouter
) -> None:
    out = tmp_path / "out"
    words = ["--battles", sample / "battles.jsonl", "--encoder", default_artifact_path(), "--out", out]
    train_router(*words, "--name", "own", "-q")
    card = (out / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "train-router --battles battles.jsonl --encoder ENCODER " in card
    assert "`ENCODER` is the folder of the encoder above." in card
    for claim in ("from 2023", "weak spot", "`DATA`", "taken from the shipped artifact"):
        assert claim not in card


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_can_be_written_again_from_the_manifest(
    name: str, sample_artifact: Path, tmp_path: Path, train_router: TrainRouter
) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "manifest.json").write_bytes((sample_artifact / "manifest.json").read_bytes())
    train_router("report", copy)
    assert (copy / name).read_bytes() == (sample_artifact / name).read_bytes()


def test_nothing_that_is_written_names_this_machine(sample_artifact: Path, repository: Path) -> None:
    for name in ("manifest.json", "MODEL_CARD.md", "report.html"):
        assert str(repository) not in (sample_artifact / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(("kind", "head"), [("knn", "neighbours"), ("mlp", "mlp")])
def test_neighbours_and_networks_are_served_from_plain_arrays(
    kind: str, head: str, sample: Path, tmp_path: Path, train_router: TrainRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "FOLDS", 2)  # a network takes a while, and once is as good as five times
    train_router("--data", sample, "--out", tmp_path / "out", "--classifier", kind, "-q")
    scorer = Scorer.load(tmp_path / "out")  # replays the golden rows
    assert {part.kind for part in scorer.manifest.heads} == {head}
    assert {path.suffix for path in (tmp_path / "out").glob("head-*")} == {".npy"}


def test_questions_that_both_models_get_wrong_count_in_the_strong_share_all_the_same(
    tmp_path: Path, train_router: TrainRouter
) -> None:
    names = {n: "".join("abcdefghij"[int(digit)] for digit in str(n)) for n in range(400)}
    rows = [
        {"prompt": f"What is {letters}?", "weak_correct": int(n % 4 == 1), "strong_correct": n % 2}
        for n, letters in names.items()
    ]
    table = tmp_path / "pair.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    train_router("--graded", table, "--out", tmp_path / "out", "-q")
    manifest = Scorer.load(tmp_path / "out").manifest
    assert manifest.measured["held_out"]["exam"]["n"] < 250 < manifest.operating_points["balanced"].n
