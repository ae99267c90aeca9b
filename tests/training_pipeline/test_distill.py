"""Distilling a real, tiny sentence-transformers model from end to end. Needs torch: run with ``-m distill``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from router.scoring.encoder import StaticEncoder
from router.scoring.scorer import Scorer
from tests.training_pipeline.conftest import TrainRouter

pytestmark = pytest.mark.distill


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two small layers with random weights and a vocabulary of letters and a few words."""
    torch = pytest.importorskip("torch")
    models = pytest.importorskip("sentence_transformers.models")
    from sentence_transformers import SentenceTransformer
    from transformers import BertConfig, BertModel, BertTokenizer

    folder = tmp_path_factory.mktemp("teacher")
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    words = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "what", "write", "prove", "python"]
    words += [*letters, *(f"##{letter}" for letter in letters)]
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    plain = folder / "plain"
    BertModel(config).save_pretrained(plain)
    BertTokenizer(vocab={word: place for place, word in enumerate(words)}).save_pretrained(plain)
    transformer = models.Transformer(str(plain))
    pooling = models.Pooling(transformer.get_embedding_dimension())
    SentenceTransformer(modules=[transformer, pooling], device="cpu").save(str(folder / "model"))
    return folder / "model"


def test_a_teacher_becomes_a_table_and_comes_out_the_same_twice(
    teacher: Path, sample: Path, tmp_path: Path, train_router: TrainRouter
) -> None:
    for name in ("one", "two"):
        train_router("distill", "--teacher", teacher, "--data", sample, "--out", tmp_path / name, "--dim", "16", "-q")
    for file in ("tokenizer.json", "vectors.npy", "scales.npy", "encoder.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    encoder = StaticEncoder.load(tmp_path / "one")
    vector = encoder.encode_ids(encoder.tokenize("prove it"))
    assert (encoder.dim, float(np.linalg.norm(vector))) == (16, pytest.approx(1.0, abs=1e-6))
    assert "[unused0]" not in json.loads((tmp_path / "one" / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]


def test_the_table_ranks_likeness_as_the_teacher_does(
    teacher: Path, sample: Path, tmp_path: Path, train_router: TrainRouter
) -> None:
    from training.distill import Teacher
    from training.selection import rank_correlation

    train_router("distill", "--teacher", teacher, "--data", sample, "--out", tmp_path / "table", "--dim", "16", "-q")
    encoder = StaticEncoder.load(tmp_path / "table")
    rows = (sample / "tryout.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(row)["prompt"] for row in rows]
    ours = encoder.encode_batch(encoder.tokenize_batch(texts)).astype(np.float64)
    theirs = Teacher.load(str(teacher)).sentence_vectors(texts)
    pairs = np.triu_indices(len(texts), 1)
    assert rank_correlation((ours @ ours.T)[pairs], (theirs @ theirs.T)[pairs]) > 0.3


def test_one_run_can_distil_fit_and_export(
    teacher: Path, sample: Path, tmp_path: Path, train_router: TrainRouter
) -> None:
    train_router("--data", sample, "--distill", teacher, "--out", tmp_path / "out", "--name", "distilled", "-q")
    about = Scorer.load(tmp_path / "out").manifest.encoder.about
    assert about["teacher"] == "model"
    assert len(about["teacher_sha256"]) == 64


def test_a_teacher_that_is_not_there_is_named(tmp_path: Path, sample: Path, train_router_fails: TrainRouter) -> None:
    words = ["--teacher", tmp_path, "--data", sample, "--out", tmp_path / "x"]
    assert str(tmp_path) in train_router_fails("distill", *words)
