"""A small but complete verifier: a word tokenizer, a random table, two stumps, and a network of three operations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from router.scoring.trees import NODE_DTYPE
from router.scoring.verifier.artifact import Fitted, write_verifier
from router.scoring.verifier.combination import Combination
from router.scoring.verifier.evidence import Evidence
from router.scoring.verifier.features import NAMES
from router.scoring.verifier.manifest import VerifierManifest

DIM = 8
WORDS = "how do i turn it on off open the port close from rome to oslo what is capital of france please 7 8 ? ."
EVIDENCE = Evidence(traps=1000, tail=[0.9 - 0.01 * place for place in range(60)])

Nodes = npt.NDArray[np.void]


def word_tokenizer() -> Tokenizer:
    words = ["[UNK]", "[CLS]", "[SEP]", *dict.fromkeys(WORDS.split())]
    tokenizer = Tokenizer(
        models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="[UNK]"),
    )
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def stumps(*splits: tuple[str | int, float, float, float]) -> Nodes:
    """One tree per (column, threshold, below, above)."""
    rows = []
    for tree, (column, threshold, below, above) in enumerate(splits):
        place, first = NAMES.index(column) if isinstance(column, str) else column, 3 * tree
        rows += [
            (tree, place, threshold, first + 1, first + 2, 0.0),
            (tree, -1, np.inf, first + 1, first + 1, below),
            (tree, -1, np.inf, first + 2, first + 2, above),
        ]
    return np.array(rows, NODE_DTYPE)


SAME_WORDS = stumps(("same_words", 0.5, -1.0, 1.0), ("content_overlap", 0.6, -0.5, 0.5))
"""1.5 for the same words in any order, -0.5 where most of the content is shared, else -1.5."""


def make_verifier(
    folder: Path,
    *,
    rule: Combination | None = None,
    stacked: Nodes | None = None,
    network: bool = False,
    evidence: dict[str, Evidence] | None = None,
) -> Path:
    tokenizer = word_tokenizer()
    random = np.random.default_rng(3)
    rows = tokenizer.get_vocab_size()
    folder.mkdir(parents=True)
    if network:
        (folder.parent / "made.onnx").write_bytes(second_side_network())
    fitted = Fitted(
        tokenizer_json=tokenizer.to_str(),
        vectors=random.integers(-127, 128, (rows, DIM)).astype(np.int8),
        scales=np.ones(rows, np.float32),
        rarity=random.uniform(0.1, 1.0, rows).astype(np.float32),
        trees=SAME_WORDS,
        stacked=stacked,
        pair_encoder=folder.parent / "made.onnx" if network else None,
    )
    about = VerifierManifest(
        name="tiny",
        version="1",
        command="train-router verifier",
        description="for tests",
        files={},
        feature_names=[],
        trees="",
        combination=rule or Combination(),
        evidence={"questions": EVIDENCE} if evidence is None else evidence,
    )
    write_verifier(folder, fitted, about)
    return folder


def second_side_network() -> bytes:
    """ONNX, byte by byte: the logit is the sum of the ids of type 1, so that it tells the sides apart."""
    nodes = [
        _node("Mul", ["ids", "types"], "second"),
        _node("ReduceSum", ["second"], "sum", _ints("axes", [1]), _int("keepdims", 0)),
        _node("Cast", ["sum"], "logit", _int("to", _FLOAT)),
    ]
    inputs = [_field(11, _value(name, _INT64, ["n", "t"])) for name in ("ids", "mask", "types")]
    outputs = [_field(12, _value("logit", _FLOAT, ["n"]))]
    graph = b"".join([*(_field(1, node) for node in nodes), _field(2, b"tiny"), *inputs, *outputs])
    opset = _field(1, b"") + _number(2, 11)
    return _number(1, 7) + _field(7, graph) + _field(8, opset)


_FLOAT, _INT64 = 1, 7


def _node(operation: str, inputs: list[str], output: str, *attributes: bytes) -> bytes:
    named = [*(_field(1, name.encode()) for name in inputs), _field(2, output.encode()), _field(4, operation.encode())]
    return b"".join([*named, *(_field(5, attribute) for attribute in attributes)])


def _int(name: str, value: int) -> bytes:
    return _field(1, name.encode()) + _number(3, value) + _number(20, 2)


def _ints(name: str, values: list[int]) -> bytes:
    return _field(1, name.encode()) + b"".join(_number(8, value) for value in values) + _number(20, 7)


def _value(name: str, kind: int, axes: list[str]) -> bytes:
    shape = b"".join(_field(1, _field(2, axis.encode())) for axis in axes)
    tensor = _number(1, kind) + _field(2, shape)
    return _field(1, name.encode()) + _field(2, _field(1, tensor))


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])
