"""``train-router verifier`` from files to the table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

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
def test_a_pair_encoder_is_fitted_in_every_fold_and_its_scores_are_kept(
    pair_folders: tuple[Path, Path], tmp_path: Path
) -> None:
    own, data = pair_folders
    words = (
        "--data",
        data,
        "--pairs",
        own,
        "--folds",
        2,
        "--teacher",
        tiny_bert(tmp_path),
        "--keep",
        tmp_path / "kept",
    )
    rows = json.loads(verifier(*words, "--json"))
    assert {"teacher trees", "pair encoder", "encoder + both trees"} <= {row["contender"] for row in rows}
    assert len(list((tmp_path / "kept").iterdir())) == 2
    assert json.loads(verifier(*words, "--json")) == rows


def tiny_bert(folder: Path) -> Path:
    """A BERT of one small layer with random weights and a vocabulary of letters."""
    torch = pytest.importorskip("torch")
    from transformers import BertConfig, BertModel, BertTokenizer

    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    BertModel(config).save_pretrained(folder / "bert")
    BertTokenizer(vocab={word: place for place, word in enumerate(words)}).save_pretrained(folder / "bert")
    return folder / "bert"
