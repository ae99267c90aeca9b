"""``train-router verifier`` from files to the table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.training_pairs.tiny import tiny_bert, tiny_encoder
from training.cli import main


def verifier(*words: object) -> str:
    result = CliRunner().invoke(main, ["verifier", *(str(word) for word in words)])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_verifier_prints_a_table_for_each_source(pair_folders: tuple[Path, Path]) -> None:
    own, data = pair_folders
    lines = verifier("--data", data, "--pairs", own, "--folds", 2, "-q").splitlines()
    assert "questions: 16 rewordings, 32 traps" in lines
    assert "conversations: 16 rewordings, 32 traps" in lines
    assert sum(line.startswith("static trees") for line in lines) == 3


def test_verifier_says_the_same_as_json(pair_folders: tuple[Path, Path]) -> None:
    own, data = pair_folders
    rows = json.loads(verifier("--data", data, "--pairs", own, "--folds", 2, "--json"))
    names = {row["contender"] for row in rows}
    assert names == {"rules", "second alone", "words changed", "static cosine", "static trees"}
    assert {row["source"] for row in rows} == {"questions", "conversations", "qqp"}
    assert all(0 <= row["auc"] <= 1 for row in rows)


def test_our_pairs_and_quoras_are_read_whole(repository: Path, shared_data: Path) -> None:
    from training.pairs.read import read_own_pairs, read_qqp

    own = read_own_pairs(repository / "data" / "cache")
    assert {pair.source for pair in own} == {"questions", "conversations"}
    assert len(read_qqp(shared_data, most=100, seed=0)) == 100


@pytest.mark.distill
def test_a_pair_encoder_is_fitted_in_every_fold_and_its_fits_are_kept(
    pair_folders: tuple[Path, Path], tmp_path: Path
) -> None:
    own, data = pair_folders
    bert = tiny_bert(tmp_path)
    words = (
        "--data",
        data,
        "--pairs",
        own,
        "--folds",
        2,
        "--teacher",
        bert,
        "--encoder",
        tiny_encoder(tmp_path, bert),
        "--keep",
        tmp_path / "kept",
    )
    rows = json.loads(verifier(*words, "--json"))
    assert {"teacher trees", "pair encoder", "encoder + both trees"} <= {row["contender"] for row in rows}
    assert {path.name.rpartition("-")[0] for path in (tmp_path / "kept").iterdir()} == {"general", "fold-0", "fold-1"}
    assert json.loads(verifier(*words, "--json")) == rows
