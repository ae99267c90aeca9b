"""The commands of ``train-router`` that read an artifact, and how it speaks to people."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from router.scoring.curve import Promise
from router.scoring.scorer import Scorer
from tests.training_pipeline.conftest import TrainRouter
from training.cli import COMMANDS
from training.commands.shared import DISTILL_PACKAGES, TRAIN_PACKAGES, require_extra
from training.tradeoff import measured_on
from training.tuning import store

HEAVY = ("sklearn", "lightgbm", "pandas", "torch", "sentence_transformers", "matplotlib", "datasets", "scipy")


def test_help_shows_every_command_and_the_options_of_the_default_one(train_router: TrainRouter) -> None:
    shown = train_router("--help")
    assert [name for name in COMMANDS if name not in shown] == []
    assert "--classifier" in shown
    assert "default: ridge" in " ".join(shown.split())


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom training.cli import main\n"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_extra_is_named_with_how_to_install_it() -> None:
    with pytest.raises(Exception, match=r"extra 'train' \(no_such_package is missing\): .*pip install '\.\[train\]'"):
        require_extra("train", ("sys", "no_such_package"))


def test_of_many_missing_packages_one_is_named_and_the_others_are_counted() -> None:
    with pytest.raises(Exception, match=r"extra 'distill' \(no_such_a and 2 more are missing\): .*distill-install"):
        require_extra("distill", ("sys", "no_such_a", "no_such_b", "no_such_c"))


def test_the_distilling_extra_includes_the_training_one() -> None:
    assert set(TRAIN_PACKAGES) < set(DISTILL_PACKAGES)


def test_score_adds_two_fields_and_keeps_the_rest(
    sample_artifact: Path, sample_scorer: Scorer, tmp_path: Path, train_router: TrainRouter
) -> None:
    rows = [{"id": number, "prompt": f"What is {number} plus {number}?", "tags": ["a"]} for number in range(700)]
    source, out = tmp_path / "prompts.jsonl", tmp_path / "scored.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    train_router("score", source, "--out", out, "--artifact", sample_artifact, "-q")
    scored = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [{"id": row["id"], "prompt": row["prompt"], "tags": row["tags"]} for row in scored] == rows
    assert scored[650]["win_rate"] == pytest.approx(sample_scorer.score(rows[650]["prompt"]).win_rate, abs=1e-8)


def test_score_names_the_lines_that_it_had_to_leave_out(
    sample_artifact: Path, tmp_path: Path, train_router_fails: TrainRouter
) -> None:
    source, out = tmp_path / "prompts.jsonl", tmp_path / "scored.jsonl"
    source.write_bytes(b'{"prompt": "hi"}\n\nnot json\n{"prompt": 3}\n["a list"]\n{"prompt": "bye"}\n\xff\n')
    said = train_router_fails("score", source, "--out", out, "--artifact", sample_artifact)
    assert [f"prompts.jsonl:{line}:" in said for line in (1, 3, 4, 5, 6, 7)] == [False, True, True, True, False, True]
    assert len(out.read_text(encoding="utf-8").splitlines()) == 2


def test_score_leaves_no_half_file_where_it_cannot_write(
    sample_artifact: Path, sample: Path, tmp_path: Path, train_router_fails: TrainRouter
) -> None:
    out = tmp_path / "no" / "x.jsonl"
    said = train_router_fails("score", sample / "tryout.jsonl", "--out", out, "--artifact", sample_artifact)
    assert f"{out}: No such file or directory" in said
    assert list(tmp_path.iterdir()) == []


def test_score_refuses_a_file_without_rows(
    sample_artifact: Path, tmp_path: Path, train_router_fails: TrainRouter
) -> None:
    source, out = tmp_path / "prompts.jsonl", tmp_path / "scored.jsonl"
    source.write_text("\n", encoding="utf-8")
    assert "prompts.jsonl: has no rows" in train_router_fails(
        "score", source, "--out", out, "--artifact", sample_artifact
    )
    assert [path.name for path in tmp_path.iterdir()] == ["prompts.jsonl"]


def test_evaluate_prints_the_documented_json(sample_artifact: Path, sample: Path, train_router: TrainRouter) -> None:
    printed = train_router(
        "evaluate", "--benchmark", "gsm8k", "--data", sample / "benchmarks", "--artifact", sample_artifact, "--json"
    )
    report = json.loads(printed)
    assert set(report) == {"benchmark", "n", "weak", "strong", "router", "length", "random", "oracle", "artifact"}
    assert {"apgr", "apgr_ci", "cpt50", "cpt80"} <= set(report["router"])
    assert (report["benchmark"], report["artifact"]) == ("gsm8k", "sample/3")
    assert report["oracle"]["apgr"] >= report["router"]["apgr"]


def test_evaluate_without_the_table_says_what_it_looked_for(tmp_path: Path, train_router_fails: TrainRouter) -> None:
    assert "mmlu.jsonl" in train_router_fails("evaluate", "--benchmark", "mmlu", "--data", tmp_path)


def test_a_threshold_for_a_quality_comes_from_the_curve(
    sample_artifact: Path, sample_scorer: Scorer, train_router: TrainRouter
) -> None:
    point = json.loads(train_router("tune-threshold", "--quality", "0.7", "--artifact", sample_artifact, "--json"))
    assert point["threshold"] == pytest.approx(sample_scorer.curve.threshold_for_quality(0.7), abs=1e-6)
    assert point["quality"] == pytest.approx(0.7, abs=0.01)


def test_without_rows_of_ones_own_a_threshold_is_called_an_estimate(
    sample_artifact: Path, train_router: TrainRouter
) -> None:
    assert "this is an estimate, not a promise" in train_router(
        "tune-threshold", "--quality", "0.7", "--artifact", sample_artifact
    )


def test_an_estimated_threshold_can_be_kept_in_the_artifact(
    sample_artifact: Path, tmp_path: Path, train_router: TrainRouter
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(sample_artifact, copy)
    train_router("tune-threshold", "--strong-share", "0.2", "--artifact", copy, "--store", "nightly")
    points = Scorer.load(copy).manifest.operating_points
    assert points["nightly"].strong_share == pytest.approx(0.2, abs=0.02)
    assert points["nightly"].quality_from == "curve"
    assert points["nightly"].promise is None
    assert {"cheap", "balanced", "best"} < set(points)


def test_the_card_says_of_a_point_that_was_kept_later_what_it_was_measured_on(
    sample_artifact: Path, sample: Path, tmp_path: Path, train_router: TrainRouter
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(sample_artifact, copy)
    words = ["--strong-share", "0.3", "--on", sample / "tryout.jsonl", "--artifact", copy, "--store", "mine"]
    train_router("tune-threshold", *words)
    point = Scorer.load(copy).manifest.operating_points["mine"]
    note = (
        "promised: at most 30 % of the calls go to the strong model, at 95 % confidence, "
        f"on 40 prompts of tryout.jsonl, {point.date}; the quality is by the curve of the artifact"
    )
    card, page = ((copy / name).read_text(encoding="utf-8") for name in ("MODEL_CARD.md", "report.html"))
    (line,) = [line for line in card.splitlines() if line.startswith("| mine")]
    assert line.startswith(f"| mine ({note}) |")
    assert line.endswith("| - |")
    assert note in page
    assert "balanced sends" in page
    assert "mine sends" not in page


def test_a_promise_on_as_many_prompts_as_the_curve_is_not_taken_for_one_of_its_points(
    sample_artifact: Path, tmp_path: Path, train_router: TrainRouter
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(sample_artifact, copy)
    curve = Scorer.load(copy).manifest.operating_points["balanced"]
    promise = Promise(kind="weak_failures", target=0.105, confidence=0.9)
    store(copy, "liked", replace(curve, promise=promise, date="2026-01-31", file="ledger.jsonl"))
    card = (copy / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "| liked (promised: at most 10.5 % of the answers that the weak model gives are rated bad" in card
    assert f"on {curve.n:,} rated answers of the weak model of ledger.jsonl, 2026-01-31" in card
    without_interval = [line.split()[1] for line in card.splitlines() if line.endswith("% | - |")]
    assert without_interval == ["liked"]


def test_a_promise_on_more_prompts_than_the_curve_does_not_change_what_that_was_measured_on(
    sample_scorer: Scorer,
) -> None:
    manifest = sample_scorer.manifest
    points = manifest.operating_points
    promise = Promise(kind="quality", target=0.5, confidence=0.9)
    later = replace(points["balanced"], n=10**6, promise=promise)
    for name in ("mine", "best"):
        assert measured_on(replace(manifest, operating_points={**points, name: later})) == measured_on(manifest)


def test_a_name_of_the_curve_is_not_given_to_another_point(
    sample_artifact: Path, tmp_path: Path, train_router_fails: TrainRouter
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(sample_artifact, copy)
    before = (copy / "manifest.json").read_bytes()
    words = ["tune-threshold", "--strong-share", "0.6", "--artifact", copy, "--store", "balanced"]
    assert "choose another name than cheap, balanced, best" in train_router_fails(*words)
    assert (copy / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tune-threshold"], "exactly one of --quality, --strong-share and --weak-failures"),
        (["tune-threshold", "--quality", "1.5"], "--quality"),
        (["tune-threshold", "--weak-failures", "0.1"], "--weak-failures needs --on"),
        (["tune-threshold", "--quality", "0.5", "--confidence", "1"], "--confidence"),
        (["tune-threshold", "--quality", "0.5", "--store", "x"], "--store needs --artifact"),
        (["--classifier", "oracle"], "ridge"),
        (["--name", "a b", "--data", "."], "--name a b"),
        (["--battles", "no/such/file.csv", "-q"], "no/such/file.csv"),
        (
            ["--battles", "data/sample/battles.jsonl", "--encoder", "tests", "-q"],
            "pass a folder that `train-router distill`",
        ),
        (["bake"], "bake"),
        (["--classifier", "mlp", "--seed", "99999999999"], "99999999999 is not in the range"),
        (["--classifier", "knn", "--seed", "-1"], "-1 is not in the range"),
        (["refit", "--seed", "-1"], "-1 is not in the range"),
        (["classifiers", "--seed", "-1"], "-1 is not in the range"),
        (["learning-curve", "--seed", "-1"], "-1 is not in the range"),
    ],
)
def test_a_wrong_word_is_answered_in_a_sentence(words: list[str], said: str, train_router_fails: TrainRouter) -> None:
    assert said in train_router_fails(*words)
