from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from router.errors import ArtifactError
from router.scoring.features import FEATURE_NAMES, features
from router.scoring.inputs import CLIP, Inputs, Scaler
from tests.scoring.kernel_parts import DIM, make_encoder


def test_a_row_is_the_embedding_and_then_the_features(tmp_path: Path) -> None:
    encoder = make_encoder(tmp_path)
    ids = encoder.tokenize("write python code")
    row = Inputs(encoder).raw(["  write python code\n"])[0]
    assert row.shape == (DIM + len(FEATURE_NAMES),)
    assert np.array_equal(row[:DIM], encoder.encode_ids(ids))
    assert np.array_equal(row[DIM:], features("write python code", ids))


def test_scaling_subtracts_the_mean_and_divides_by_the_scale() -> None:
    scaler = Scaler(np.array([1.0, 0.0], np.float32), np.array([2.0, 0.5], np.float32))
    assert scaler.apply(np.array([[3.0, 1.0]], np.float32)).tolist() == [[1.0, 2.0]]


def test_one_freak_column_is_clipped_on_both_sides() -> None:
    scaler = Scaler(np.zeros(3, np.float32), np.ones(3, np.float32))
    assert scaler.apply(np.array([1e9, -1e9, 2.0], np.float32)).tolist() == [CLIP, -CLIP, 2.0]


def test_scaling_leaves_the_raw_rows_as_they_were() -> None:
    raw = np.array([[9.0]], np.float32)
    Scaler(np.ones(1, np.float32), np.ones(1, np.float32)).apply(raw)
    assert raw.tolist() == [[9.0]]


def test_the_scaler_survives_a_round_trip(tmp_path: Path) -> None:
    scaler = Scaler(np.array([1.0, -2.0], np.float32), np.array([0.5, 3.0], np.float32))
    scaler.save(tmp_path / "scaler.npy")
    again = Scaler.load(tmp_path / "scaler.npy")
    assert again.mean.tolist() == [1.0, -2.0]
    assert again.scale.tolist() == [0.5, 3.0]


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_that_cannot_divide_is_refused(scale: float) -> None:
    with pytest.raises(ArtifactError, match="scaler"):
        Scaler(np.zeros(1, np.float32), np.array([scale], np.float32))
