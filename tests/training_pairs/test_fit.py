"""``train-router verifier --export`` from files to a folder that serving loads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from router.scoring.verifier.verifier import PairVerifier
from tests.training_pairs.tiny import tiny_bert, tiny_encoder
from training.cli import main
from training.pairs.records import RequestPair
from training.pairs.trees import fit_trees

QUESTION = "How do I get from Rome to Oslo by train?"


def test_exported_trees_say_what_the_boosters_say() -> None:
    from router.scoring.trees import TreesHead

    draws = np.random.default_rng(0)
    rows = draws.normal(size=(400, 5)).astype(np.float32)
    forest = fit_trees(rows, rows[:, 0] > draws.normal(size=400), np.ones(400), seed=0, rounds=10, copies=2)
    np.testing.assert_allclose(TreesHead(forest.nodes(), 5).predict(rows), forest(rows), atol=1e-9)


@pytest.mark.distill
def test_a_verifier_is_fitted_exported_and_served(pair_folders: tuple[Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    own, data = pair_folders
    bert = tiny_bert(tmp_path)
    out = tmp_path / "verifier" / "1"
    words = ["--data", data, "--pairs", own, "--folds", 2, "--teacher", bert, "--export", out]
    words += ["--encoder", tiny_encoder(tmp_path, bert), "--keep", tmp_path / "kept", "--json"]
    result = CliRunner().invoke(main, ["verifier", *map(str, words)])
    assert result.exit_code == 0, result.output
    verifier = PairVerifier.load(out)
    cached = verifier.prepare(QUESTION)
    other = verifier.prepare("train from Rome to Oslo, how?")
    assert verifier.score(cached, other) == verifier.score(other, cached)
    assert {"questions", "conversations"} <= verifier.manifest.evidence.keys()
    assert np.isfinite(verifier.threshold(0.5))


@pytest.mark.distill
def test_the_exported_network_says_what_the_fitted_one_says(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    from router.scoring.verifier.pair_encoder import PairEncoder
    from router.scoring.verifier.tokens import TokenTable
    from training.distill.vocabulary import static_tokenizer
    from training.pairs.cross_encoder import CrossEncoder
    from training.pairs.network_export import export_network

    bert = tiny_bert(tmp_path)
    fitted = CrossEncoder.from_teacher(bert, seed=0)
    _, kept = static_tokenizer((bert / "tokenizer.json").read_text(encoding="utf-8"))
    export_network(fitted, kept, tmp_path / "pair.onnx")
    folder = tiny_encoder(tmp_path, bert)
    np.save(folder / "rarity.npy", np.ones(len(kept), np.float32))
    table = TokenTable.load(folder)
    start, end = (table.tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]"))
    served = PairEncoder(tmp_path / "pair.onnx", start, end)
    texts = [("a b c", "a d"), ("x y", "x y z z"), ("long one here", "another one")]
    pairs = [RequestPair(a, b, True, "questions", "questions-1") for a, b in texts]
    ids = [tuple(table.ids(text).array() for text in pair) for pair in texts]
    np.testing.assert_allclose(served.logits(ids), fitted.logits(pairs)[:, 0], atol=0.05)
