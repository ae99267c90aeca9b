"""``train-router tune-threshold --on``: what it reads, promises, refuses, says and stores."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from router.errors import DataError
from router.scoring.artifact import default_artifact_path
from router.scoring.curve import Promise
from router.scoring.manifest import MANIFEST_FILE, file_sha256, read_manifest, write_manifest
from router.scoring.scorer import Scorer
from training.cli import main
from training.promise import Rows, read_promise_rows
from training.promise.rows import NOT_BY_THRESHOLD
from training.tuning import promised

Write = Callable[[str, Iterable[dict[str, Any]]], Path]

WORDS = "prove explain compare count list the a of integral river matrix song tax letter sum cat proof recipe".split()


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer.load()


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    folder = tmp_path / "artifact"
    shutil.copytree(default_artifact_path(), folder)
    return folder


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(name: str, rows: Iterable[dict[str, Any]]) -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    return to_file


def tune(*words: object) -> Result:
    return CliRunner().invoke(main, ["tune-threshold", *(str(word) for word in words), "-q"])


def prompts(n: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [f"{number}: {' '.join(rng.choice(WORDS, int(rng.integers(3, 60))))}" for number in range(n)]


def labels(scorer: Scorer, n: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """The strong model is mostly right; the weak one on most of the prompts that the classifier finds easy."""
    rng = np.random.default_rng(seed)
    texts = prompts(n, seed)
    _, win_rates = scorer.score_batch(texts)
    easy = 1.0 - win_rates.argsort().argsort() / n
    weak = rng.uniform(size=n) < easy
    strong = rng.uniform(size=n) < 0.95
    return [
        {"prompt": text, "weak_correct": int(one), "strong_correct": int(other)}
        for text, one, other in zip(texts, weak, strong, strict=True)
    ]


def test_a_quality_is_promised_on_labels_and_stored_with_what_it_rests_on(
    scorer: Scorer, artifact: Path, write: Write
) -> None:
    file = write("mine.jsonl", labels(scorer, 500))
    done = tune("--quality", "0.8", "--on", file, "--artifact", artifact, "--store", "mine", "--confidence", "0.9")
    assert done.exit_code == 0, done.output
    assert "promise: at least 0.8 of the gap between weak and strong is recovered, at 0.9 confidence" in done.stdout
    assert "it rests on 500 rows of mine.jsonl, scored by default/1" in done.stdout
    point = read_manifest(artifact).operating_points["mine"]
    assert point.promise == Promise(kind="quality", target=0.8, confidence=0.9)
    assert (point.n, point.file, point.date) == (500, "mine.jsonl", datetime.now(UTC).date().isoformat())
    assert point.quality > 0.8
    assert 0.2 < point.strong_share < 0.95
    assert Scorer.load(artifact).manifest.operating_points["mine"] == point


def test_what_is_stored_says_nothing_of_the_folder_it_came_from(scorer: Scorer, artifact: Path, write: Write) -> None:
    file = write("mine.jsonl", labels(scorer, 300))
    tune("--quality", "0.5", "--on", file, "--artifact", artifact, "--store", "mine")
    assert str(file.parent) not in (artifact / MANIFEST_FILE).read_text(encoding="utf-8")


def test_a_name_that_no_manifest_may_hold_is_refused_before_anything_is_stored(artifact: Path) -> None:
    done = tune("--strong-share", "0.3", "--artifact", artifact, "--store", "my point")
    assert done.exit_code == 2
    assert "'my point' is no plain name" in done.output
    assert "my point" not in (artifact / MANIFEST_FILE).read_text(encoding="utf-8")


def test_grades_of_the_weak_model_alone_are_enough_and_the_assumption_is_said(scorer: Scorer, write: Write) -> None:
    rows = [{"prompt": row["prompt"], "weak_correct": row["weak_correct"]} for row in labels(scorer, 300)]
    done = tune("--quality", "0.7", "--on", write("weak.jsonl", rows))
    assert done.exit_code == 0, done.output
    assert "the strong one is taken to be right always" in done.stdout


def test_a_share_needs_prompts_alone(write: Write) -> None:
    done = tune(
        "--strong-share", "0.3", "--on", write("p.jsonl", ({"prompt": text} for text in prompts(200))), "--json"
    )
    point = json.loads(done.stdout)
    assert point["promise"] == {"kind": "strong_share", "target": 0.3, "confidence": 0.95}
    assert point["quality_from"] == "curve"
    assert 0.15 < point["strong_share"] < 0.3


def test_a_share_of_half_graded_rows_needs_no_grades_either(scorer: Scorer, write: Write) -> None:
    rows = labels(scorer, 200)
    for row in rows[:100]:
        del row["strong_correct"]
    done = tune("--strong-share", "0.3", "--on", write("half.jsonl", [*rows, {"prompt": "no grade at all"}]), "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["n"] == 201


def test_the_terms_are_in_the_json_too(write: Write) -> None:
    rows = [{"prompt": text} for text in prompts(200)]
    words = ("--strong-share", "0.3", "--on", write("p.jsonl", [*rows, {"prompt": ""}, rows[0]]))
    said = json.loads(tune(*words, "--json").stdout)["terms"]
    assert said == tune(*words).stdout.splitlines()[1:]
    assert "1 left out (empty prompt)" in said[2]
    assert said[-1].startswith("1 rows repeat an earlier prompt")
    assert json.loads(tune("--quality", "0.5", "--json").stdout)["terms"][0].startswith("this is an estimate")


def test_a_share_can_be_promised_of_so_many_requests_to_come(artifact: Path, write: Write) -> None:
    file = write("p.jsonl", ({"prompt": text} for text in prompts(200)))
    words = ["--strong-share", "0.3", "--on", file, "--artifact", artifact, "--store", "week", "--requests", "300"]
    assert "it speaks of the next 300 requests like p.jsonl" in tune(*words).stdout
    point = read_manifest(artifact).operating_points["week"]
    assert point.promised is not None
    assert point.promised.startswith("strong_share<=0.3; requests=300; confidence=0.95; n=200; date=")
    assert "--requests needs --strong-share" in tune("--quality", "0.3", "--on", file, "--requests", "300").output


def test_too_few_labels_are_refused_with_what_they_do_support_and_nothing_is_stored(
    scorer: Scorer, artifact: Path, write: Write
) -> None:
    before = (artifact / MANIFEST_FILE).read_bytes()
    file = write("few.jsonl", labels(scorer, 60))
    done = tune("--quality", "0.95", "--on", file, "--artifact", artifact, "--store", "mine")
    assert done.exit_code == 1
    assert "few.jsonl: 60 labels do not show, at 95% confidence" in done.output
    assert "They support a quality of about 0." in done.output
    assert "it takes about" in done.output
    assert (artifact / MANIFEST_FILE).read_bytes() == before


def test_the_quality_that_is_said_to_be_supported_is(scorer: Scorer, write: Write) -> None:
    file = write("few.jsonl", labels(scorer, 60))
    said = tune("--quality", "0.95", "--on", file).output
    supported = said.partition("quality of about ")[2][:4]
    assert tune("--quality", supported, "--on", file).exit_code == 0
    assert tune("--quality", f"{float(supported) + 0.05:.2f}", "--on", file).exit_code == 1


def test_models_without_a_gap_are_not_routed_between(scorer: Scorer, write: Write) -> None:
    rows = [{"prompt": text, "winner": "weak" if number % 2 else "strong"} for number, text in enumerate(prompts(200))]
    done = tune("--quality", "0.5", "--on", write("even.jsonl", rows))
    assert done.exit_code == 1
    assert "there is no gap that this classifier finds" in done.output


def test_too_few_rows_for_a_share_are_told_how_many_it_takes(write: Write) -> None:
    done = tune("--strong-share", "0.05", "--on", write("p.jsonl", ({"prompt": text} for text in prompts(58))))
    assert done.exit_code == 1
    assert "58 rows cannot show" in done.output
    assert "80 rows at the very least" in done.output


def test_a_tiny_share_at_a_high_confidence_is_not_rounded_away(write: Write) -> None:
    words = ("--strong-share", "0.0001", "--confidence", "0.9999")
    done = tune(*words, "--on", write("p.jsonl", ({"prompt": text} for text in prompts(20))))
    assert done.exit_code == 1
    assert "at 99.99% confidence, that at most 0.01% of the calls are strong" in done.output
    assert "Give about 130,000 rows at the very least" in done.output


def test_an_export_of_the_ledger_promises_a_share_of_the_routed_requests(write: Write) -> None:
    rng = np.random.default_rng(0)
    rows = [
        {"request_id": f"r{number}", "win_rate": rate, "artifact": "default/1", "reason": "win-rate", "cache": "miss"}
        for number, rate in enumerate(rng.uniform(0.6, 0.9, 400).round(4).tolist())
    ]
    aside = [
        *({"win_rate": 0.99, "artifact": "default/1", "reason": reason} for reason in sorted(NOT_BY_THRESHOLD)),
        {"win_rate": 0.99, "artifact": "default/1", "cache": "exact"},
        {"win_rate": None, "artifact": "default/1"},
    ]
    done = tune("--strong-share", "0.3", "--on", write("ledger.jsonl", rows + aside), "--json")
    assert json.loads(done.stdout)["n"] == 400
    said = tune("--strong-share", "0.3", "--on", write("ledger.jsonl", rows + aside)).stdout
    assert all(f"1 left out ({reason})" in said for reason in NOT_BY_THRESHOLD)
    assert "1 left out (answered from the cache)" in said
    refused = tune("--quality", "0.8", "--on", write("ledger.jsonl", rows))
    assert refused.exit_code == 1
    assert "rows of the ledger do not tell the quality" in refused.output


def test_rows_of_another_artifact_are_refused_by_their_line(write: Write) -> None:
    rows = [{"win_rate": 0.7, "artifact": "default/1"}, {"win_rate": 0.7, "artifact": "mine/7"}]
    done = tune("--strong-share", "0.5", "--on", write("ledger.jsonl", rows))
    assert done.exit_code == 1
    assert "ledger.jsonl:2: was scored by 'mine/7', not by default/1" in done.output


def test_a_win_rate_that_is_none_is_refused_by_its_line(write: Write) -> None:
    done = tune("--strong-share", "0.5", "--on", write("ledger.jsonl", [{"win_rate": 1.7, "artifact": "default/1"}]))
    assert done.exit_code == 1
    assert "ledger.jsonl:1: 'win_rate' is 1.7" in done.output


def test_labels_that_the_artifact_was_refitted_on_promise_nothing(scorer: Scorer, artifact: Path, write: Write) -> None:
    file = write("mine.jsonl", labels(scorer, 300))
    manifest = read_manifest(artifact)
    manifest.training_data.append({"name": "mine.jsonl", "sha256": file_sha256(file)})
    write_manifest(artifact, manifest)
    done = tune("--quality", "0.5", "--on", file, "--artifact", artifact)
    assert done.exit_code == 1
    assert "was fitted on this very file" in done.output


def test_a_prompt_that_was_labelled_twice_is_pointed_out(scorer: Scorer, write: Write) -> None:
    rows = labels(scorer, 300)
    assert (
        "2 rows repeat an earlier prompt" in tune("--quality", "0.5", "--on", write("x.jsonl", rows + rows[:2])).stdout
    )


def test_a_file_of_prompts_promises_no_quality(write: Write) -> None:
    done = tune("--quality", "0.5", "--on", write("p.jsonl", ({"prompt": text} for text in prompts(50))))
    assert done.exit_code == 1
    assert "no label in it" in done.output


@pytest.mark.parametrize("target", [0.0, 1.0])
def test_what_holds_by_definition_needs_no_rows(scorer: Scorer, target: float) -> None:
    rows = Rows(win_rates=np.array([0.5]), gains=np.array([1.0]), form="pairs")
    with pytest.raises(DataError, match="met by definition"):
        promised(
            scorer,
            rows,
            Promise(kind="quality", target=target, confidence=0.95),
            file="mine.jsonl",
            date="2026-01-31",
        )


def test_labels_are_scored_as_the_server_would(scorer: Scorer, write: Write) -> None:
    rows = labels(scorer, 30)
    read = read_promise_rows(write("mine.jsonl", rows), scorer, graded=True, when_unfamiliar="strong")
    assert read.win_rates[7] == pytest.approx(scorer.score(rows[7]["prompt"]).win_rate, abs=1e-9)
    assert read.gains is not None
    assert read.gains[7] == rows[7]["strong_correct"] - rows[7]["weak_correct"]


def test_prompts_unlike_all_training_count_as_going_where_the_server_sends_them(scorer: Scorer, write: Write) -> None:
    strange = [{"prompt": f"{{}} 0x{n:08x} ;;;; 7f454c46 \\x00\\xff {n * 7919:x}"} for n in range(40)]
    assert scorer.score(strange[0]["prompt"]).unfamiliarity > 1.0
    file = write("mixed.jsonl", [*({"prompt": text} for text in prompts(60)), *strange])
    shares = ("--strong-share", "0.5", "--confidence", "0.6", "--on", file, "--json")
    found = {way: json.loads(tune(*shares, "--unfamiliar", way).stdout) for way in ("strong", "weak", "win-rate")}
    assert found["strong"]["threshold"] > found["weak"]["threshold"]
    assert found["strong"]["strong_share"] >= 0.4
    assert [found[way]["promise"].get("unfamiliar") for way in found] == [None, "weak", "win-rate"]
    assert "40 rows are unlike all training" in tune(*shares[:-1]).stdout
