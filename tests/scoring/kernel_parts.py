"""A small but complete scoring chain: a word tokenizer, a random table, a linear head, and one tree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from router.scoring.artifact import Facts, write_artifact
from router.scoring.calibration import Calibrator
from router.scoring.chain import Chain
from router.scoring.classifier import Blend, BlendedHead, LinearHead, MlpHead
from router.scoring.curve import Curve, CurvePoints, OperatingPoint
from router.scoring.encoder import StaticEncoder, write_encoder
from router.scoring.inputs import Inputs, Scaler
from router.scoring.trees import NODE_DTYPE, TreesHead

DIM = 8
WORDS = "prove that the square root of two is irrational hi there what a nice day write python code for me please"
GOLDEN = [
    "Hi there!",
    "Prove that the square root of two is irrational.",
    "Write Python code for me, please: f(x) = x + 2",
]


def word_tokenizer() -> Tokenizer:
    vocabulary = {
        word: place for place, word in enumerate(["[UNK]", "[PAD]", *dict.fromkeys(WORDS.split()), ".", ",", "!", "2"])
    }
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def make_encoder(folder: Path) -> StaticEncoder:
    tokenizer = word_tokenizer()
    random = np.random.default_rng(7)
    rows = tokenizer.get_vocab_size()
    vectors = random.integers(-127, 128, (rows, DIM)).astype(np.int8)
    scales = random.uniform(0.001, 0.01, rows).astype(np.float32)
    scales[:2] = 0.0
    return write_encoder(folder, tokenizer.to_str(), vectors, scales)


def stump(feature: int, width: int) -> TreesHead:
    """One split at 0: -0.5 on the left, 1.5 on the right."""
    nodes = np.array(
        [(0, feature, 0.0, 1, 2, 0.25), (0, -1, np.inf, 1, 1, -0.5), (0, -1, np.inf, 2, 2, 1.5)], NODE_DTYPE
    )
    return TreesHead(nodes, width)


def make_chain(folder: Path) -> Chain:
    encoder = make_encoder(folder)
    width = Inputs(encoder).width
    random = np.random.default_rng(11)
    heads = (
        BlendedHead("linear", LinearHead(random.normal(size=width), 0.3), 0.6),
        BlendedHead("trees", stump(DIM, width), 0.3),
        BlendedHead(
            "mlp",
            MlpHead(random.normal(size=(width, 3)), random.normal(size=3), random.normal(size=3), 0.1),
            0.1,
        ),
    )
    scaler = Scaler(np.full(width, 0.1, np.float32), np.full(width, 2.0, np.float32))
    return Chain(encoder, scaler, Blend(heads, -0.2), Calibrator.platt(0.8, -0.1))


def make_curve() -> Curve:
    return Curve(CurvePoints(threshold=[0.2, 0.4, 0.6], strong_share=[0.9, 0.5, 0.1], quality=[0.95, 0.7, 0.2]))


def make_artifact(folder: Path) -> Path:
    points = {"balanced": OperatingPoint(threshold=0.4, strong_share=0.5, quality=0.7, n=100)}
    facts = Facts(name="tiny", version="3", command="train-router", description="for tests", operating_points=points)
    chain = make_chain(folder)
    write_artifact(folder, encoder_folder=folder, chain=chain, curve=make_curve(), golden=GOLDEN, facts=facts)
    return folder
