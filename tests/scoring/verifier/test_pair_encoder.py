"""The pair encoder: what it reads, when it is loaded, and what is said where it cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from router.errors import ArtifactError
from router.scoring.verifier.pair_encoder import PairEncoder, pair_inputs
from tests.scoring.verifier.parts import second_side_network

FIRST, SECOND = np.array([5, 6]), np.array([7])


@pytest.fixture
def encoder(tmp_path: Path) -> PairEncoder:
    path = tmp_path / "pair.onnx"
    path.write_bytes(second_side_network())
    return PairEncoder(path, 1, 2)


def test_a_row_marks_the_second_side_and_shorter_rows_are_filled() -> None:
    found = pair_inputs([(FIRST, SECOND), (SECOND, SECOND)], 1, 2)
    assert found["ids"].tolist() == [[1, 5, 6, 2, 7, 2], [1, 7, 2, 7, 2, 0]]
    assert found["mask"].tolist() == [[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0]]
    assert found["types"].tolist() == [[0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 0]]
    assert {array.dtype for array in found.values()} == {np.dtype(np.int64)}


def test_each_pair_has_its_logit_whatever_stands_beside_it(encoder: PairEncoder) -> None:
    assert encoder.logits([(FIRST, SECOND), (SECOND, FIRST)]).tolist() == [9.0, 13.0]
    assert encoder.logits([(FIRST, SECOND)]).tolist() == [9.0]


def test_the_network_is_loaded_when_it_is_first_asked(encoder: PairEncoder) -> None:
    assert not encoder.loaded
    encoder.logits([(FIRST, SECOND)])
    assert encoder.loaded


@pytest.mark.parametrize("content", [None, b"", b"no network"])
def test_a_file_that_is_no_network_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "pair.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"pair\.onnx: not a network"):
        PairEncoder(path, 1, 2).load()
