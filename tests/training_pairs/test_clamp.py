"""``train-router verifier --clamp``: what a clamp costs and spares, and the manifest that it is written into."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from router.scoring.verifier.artifact import default_verifier_path
from router.scoring.verifier.combination import Combination
from router.scoring.verifier.features import NAMES
from router.scoring.verifier.gate import LONG
from router.scoring.verifier.verifier import PairVerifier
from tests.scoring.verifier.parts import make_verifier
from training.cli import main
from training.pairs.clamp import set_clamps
from training.pairs.records import RequestPair
from training.pairs.rule import MOST_LOGIT, MOST_LOGIT_OF_TURN, left_to_rules, summed

RULE = Combination(encoder=0.5, encoder_from=-1.0, skipped_logit=-8.0, most_logit=2.0, most_logit_of_turn=4.0)


def unit(source: str) -> RequestPair:
    return RequestPair("a", "b", True, source, "g")  # type: ignore[arg-type]


def test_training_adds_up_what_serving_adds_up() -> None:
    units = [unit(source) for source in ("questions", "conversations", "qqp", "conversations")]
    log_odds, logits = np.array([1.0, 1.0, -1.5, 0.0]), np.array([6.0, 6.0, 6.0, 3.0])
    found = summed(log_odds, logits, units, RULE)
    assert found.tolist() == [1.0 + 1.0, 1.0 + 2.0, -1.5 - 4.0, 1.5]
    for number, (trees, logit, score) in enumerate(zip(log_odds, logits, found, strict=True)):
        heeded = logit if RULE.leaves_a_chance(trees) else RULE.skipped_logit
        assert score == RULE.summed(trees, heeded, turn=number in (1, 3))


def test_what_was_never_asked_has_no_score() -> None:
    assert np.isnan(summed(np.array([-3.0]), np.array([np.nan]), [unit("questions")], RULE)).all()


def test_training_leaves_to_the_rules_what_serving_does() -> None:
    rows = np.ones((5, len(NAMES)), np.float32)
    rows[:4, NAMES.index("same_form")] = 0
    rows[0, [NAMES.index("misspelt"), NAMES.index("unmatched_high")]] = 0
    text = "a" * (LONG // 2)
    pairs = [
        ("a", "b", "questions"),
        ("a", "b", "qqp"),
        (text, text + "b", "questions"),
        (text, "b" + text, "conversations"),
        (text, text + "b", "questions"),
    ]
    units = [RequestPair(a, b, True, source, "g") for a, b, source in pairs]  # type: ignore[arg-type]
    assert left_to_rules(rows, units).tolist() == [True, False, True, False, False]


@pytest.fixture
def verifier_folder(tmp_path: Path) -> Path:
    """The tiny verifier, with the shipped one's settings and figures, which the card needs."""
    folder = make_verifier(tmp_path / "verifier" / "1", rule=Combination(encoder=0.01), network=True)
    shipped = json.loads((default_verifier_path() / "manifest.json").read_text())
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest |= {name: shipped[name] for name in ("settings", "measured", "training_data")}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def clamp(folder: Path, pair_folders: tuple[Path, Path], *words: str) -> str:
    own, data = map(str, pair_folders)
    options = ["--data", data, "--pairs", own, "--folds", "2", "--clamp", str(folder), "-q", *words]
    result = CliRunner().invoke(main, ["verifier", *options])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_clamp_is_measured_and_written_and_nothing_else_changes(
    verifier_folder: Path, pair_folders: tuple[Path, Path], tmp_path: Path
) -> None:
    before = shutil.copytree(verifier_folder, tmp_path / "before")
    rows = json.loads(clamp(verifier_folder, pair_folders, "--json"))
    assert {row["source"] for row in rows} == {"questions", "conversations", "qqp"}
    for source in ("questions", "conversations"):
        lost = [row["lost"] for row in rows if row["source"] == source]
        read = [row["read"] for row in rows if row["source"] == source]
        assert lost == sorted(lost, reverse=True), "a looser clamp loses no more"
        assert read == sorted(read), "and reads no less"
    old, new = PairVerifier.load(before).manifest, PairVerifier.load(verifier_folder).manifest
    assert (new.combination.most_logit, new.combination.most_logit_of_turn) == (MOST_LOGIT, MOST_LOGIT_OF_TURN)
    assert (new.files, new.evidence, new.digest) == (old.files, old.evidence, old.digest)
    assert f"counts up to {MOST_LOGIT:g}" in (verifier_folder / "MODEL_CARD.md").read_text()


def test_a_clamp_written_twice_gives_the_same_bytes(verifier_folder: Path, pair_folders: tuple[Path, Path]) -> None:
    found = []
    for _ in range(2):
        table = clamp(verifier_folder, pair_folders)
        found.append((table, *((verifier_folder / name).read_bytes() for name in ("manifest.json", "MODEL_CARD.md"))))
    assert found[0] == found[1]
    assert "questions: 16 rewordings" in found[0][0]


def test_a_clamp_goes_with_no_fit(verifier_folder: Path, pair_folders: tuple[Path, Path], tmp_path: Path) -> None:
    words = [
        "verifier",
        "--data",
        str(pair_folders[1]),
        "--clamp",
        str(verifier_folder),
        "--export",
        str(tmp_path / "o"),
    ]
    result = CliRunner().invoke(main, words)
    assert result.exit_code != 0
    assert "--clamp changes a verifier that is there" in result.output


def test_a_clamp_that_the_evidence_knows_is_not_raised(verifier_folder: Path) -> None:
    manifest = json.loads((verifier_folder / "manifest.json").read_text())
    manifest["combination"] |= {"most_logit": MOST_LOGIT - 1, "most_logit_of_turn": MOST_LOGIT_OF_TURN + 1}
    manifest["settings"]["calibrated"] = {}
    (verifier_folder / "manifest.json").write_text(json.dumps(manifest))
    rule = set_clamps(verifier_folder).combination
    assert (rule.most_logit, rule.most_logit_of_turn) == (MOST_LOGIT - 1, MOST_LOGIT_OF_TURN)


def test_the_shipped_verifier_counts_no_more_of_a_logit_than_training_would_let_it() -> None:
    rule = PairVerifier.load(default_verifier_path()).manifest.combination
    assert rule.most_logit is not None
    assert rule.most_logit_of_turn is not None
    assert rule.most_logit <= MOST_LOGIT
    assert rule.most_logit_of_turn <= MOST_LOGIT_OF_TURN
