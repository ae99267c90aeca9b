"""``train-router verifier --start --calibrate``: evidence from pairs that no fit knew, for a verifier as it is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from router.errors import DataError
from router.scoring.verifier.combination import Combination
from router.scoring.verifier.evidence import NEVER
from router.scoring.verifier.verifier import PairVerifier
from tests.scoring.verifier.parts import make_verifier
from training.cli import main
from training.pairs.calibration import read_calibration, served_scores
from training.pairs.records import RequestPair


def asked(*words: object) -> Result:
    return CliRunner().invoke(main, ["verifier", *map(str, words)])


def test_a_verifier_gets_evidence_of_its_own_scores_and_stays_as_it_is(
    pair_folders: tuple[Path, Path], new_pairs: Path, tmp_path: Path
) -> None:
    own, data = pair_folders
    rule = Combination(encoder=0.01, most_logit=40.0, most_logit_of_turn=40.0)
    start = make_verifier(tmp_path / "verifier" / "1", rule=rule, network=True)
    out = tmp_path / "verifier" / "2"
    words = ["--data", data, "--pairs", own, "--start", start, "--calibrate", new_pairs, "--export", out, "-q"]
    result = asked(*words)
    assert result.exit_code == 0, result.output
    old, new = PairVerifier.load(start), PairVerifier.load(out)
    assert (new.manifest.files, new.manifest.combination) == (old.manifest.files, rule)
    assert new.manifest.version == "2"
    evidence = read_calibration(new_pairs).evidence
    traps = [pair for pair in evidence if pair.source == "questions" and not pair.same_answer]
    scores = np.sort(served_scores(old, traps))[::-1]
    told = new.manifest.evidence["questions"]
    assert told.traps == len(traps)
    np.testing.assert_allclose(told.tail, scores[: len(told.tail)], atol=1e-4)
    assert "it is tiny/1 on other evidence" in (out / "MODEL_CARD.md").read_text()


def test_conversations_are_scored_as_serving_does(tmp_path: Path) -> None:
    verifier = PairVerifier.load(make_verifier(tmp_path / "1"))
    base = "system: Be brief.\nuser: What is the capital of Oslo?"
    other_system = RequestPair(
        "system: Be long.\nuser: what is", "system: Be brief.\nuser: what is", False, "conversations", "g"
    )
    reworded = RequestPair(base, base + " please", True, "conversations", "g")
    alone = RequestPair("What is the capital of Oslo?", "What is the capital of Oslo? please", True, "questions", "g")
    found = served_scores(verifier, [other_system, reworded, alone])
    assert found[0] == NEVER
    assert found[1] == found[2]


def test_pairs_that_a_fit_knew_are_no_evidence(
    pair_folders: tuple[Path, Path], new_pairs: Path, tmp_path: Path
) -> None:
    own, data = pair_folders
    known = json.loads((own / "questions.jsonl").read_text().splitlines()[0])
    with (new_pairs / "questions.jsonl").open("a") as file:
        file.write(json.dumps(known | {"group": 99, "use": "evidence"}) + "\n")
    start = make_verifier(tmp_path / "verifier" / "1")
    words = ["--data", data, "--pairs", own, "--start", start, "--calibrate", new_pairs, "--export", tmp_path / "2"]
    result = asked(*words)
    assert result.exit_code != 0
    assert "questions-99: is among the pairs that are fitted on" in result.output


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"use": "fitting"}, "'fitting' is no use"),
        ({"use": "choosing", "group": 1}, "chooses and is evidence"),
    ],
)
def test_a_pair_is_for_one_use(new_pairs: Path, change: dict[str, object], message: str) -> None:
    with (new_pairs / "questions.jsonl").open("a") as file:
        file.write(json.dumps({"group": 99, "a": "x", "b": "y", "same_answer": True, "family": "", **change}) + "\n")
    with pytest.raises(DataError, match=message):
        read_calibration(new_pairs)


def test_a_pair_without_a_use_is_refused(new_pairs: Path, pair_folders: tuple[Path, Path]) -> None:
    with pytest.raises(DataError, match="says not what it is for"):
        read_calibration(pair_folders[0])


@pytest.mark.parametrize(
    ("missing", "message"), [("--calibrate", "go together"), ("--export", "go together"), (None, "another folder")]
)
def test_options_that_go_together(
    missing: str | None, message: str, pair_folders: tuple[Path, Path], new_pairs: Path, tmp_path: Path
) -> None:
    start = make_verifier(tmp_path / "verifier" / "1")
    options = {"--start": start, "--calibrate": new_pairs, "--export": start}
    words = [word for name, value in options.items() if name != missing for word in (name, value)]
    result = asked("--data", pair_folders[1], *words)
    assert result.exit_code != 0
    assert message in result.output
