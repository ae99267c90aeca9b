from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from router.errors import ArtifactError
from router.scoring.trees import NODE_DTYPE, TreesHead, trees_from_dump
from tests.scoring.kernel_parts import stump

COLUMNS = 12


def training_rows() -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    random = np.random.default_rng(3)
    rows = random.normal(size=(700, COLUMNS)).astype(np.float32)
    rows[:, 3] = np.round(rows[:, 3])  # a column with ties and zeros
    return rows, rows[:, 0] * rows[:, 1] + (rows[:, 3] > 0) + random.normal(size=700) * 0.1


def booster(**changes: Any) -> Any:
    lightgbm = pytest.importorskip("lightgbm")
    rows, target = training_rows()
    options = {"objective": "regression", "num_leaves": 15, "verbose": -1, "num_threads": 1, "use_missing": False}
    return lightgbm.train({**options, **changes}, lightgbm.Dataset(rows, target), num_boost_round=25)


@pytest.mark.parametrize("options", [{}, {"num_leaves": 4}, {"max_depth": 2}, {"boosting": "dart"}])
def test_trees_predict_what_lightgbm_predicts(options: dict[str, Any]) -> None:
    model = booster(**options)
    rows, _ = training_rows()
    head = TreesHead(trees_from_dump(model.dump_model()), COLUMNS)
    np.testing.assert_allclose(head.predict(rows), model.predict(rows), rtol=0, atol=1e-9)


def test_a_tree_without_any_split_is_a_constant() -> None:
    model = booster(min_data_in_leaf=500)
    rows, _ = training_rows()
    head = TreesHead(trees_from_dump(model.dump_model()), COLUMNS)
    np.testing.assert_allclose(head.predict(rows), model.predict(rows), rtol=0, atol=1e-9)


def test_a_row_scores_the_same_in_any_batch() -> None:
    rows, _ = training_rows()
    head = TreesHead(trees_from_dump(booster().dump_model()), COLUMNS)
    together = head.predict(rows)
    assert np.array_equal(together, np.array([head.predict(row[None, :])[0] for row in rows]))
    assert head.predict(rows[:0]).shape == (0,)


def test_contributions_lead_from_the_mean_to_the_prediction() -> None:
    rows, target = training_rows()
    head = TreesHead(trees_from_dump(booster().dump_model()), COLUMNS)
    gaps = [head.predict(row[None, :])[0] - head.contributions(row).sum() for row in rows[:20]]
    np.testing.assert_allclose(gaps, gaps[0], atol=1e-9)
    assert gaps[0] == pytest.approx(target.mean(), abs=0.05)


def test_a_value_on_the_threshold_goes_left() -> None:
    head = stump(0, 1)
    rows = np.array([[0.0], [np.nextafter(np.float32(0), np.float32(1))]], np.float32)
    assert head.predict(rows).tolist() == [-0.5, 1.5]


def test_the_node_table_survives_a_round_trip(tmp_path: Path) -> None:
    rows, _ = training_rows()
    head = TreesHead(trees_from_dump(booster().dump_model()), COLUMNS)
    head.save(tmp_path / "trees.npy")
    assert np.array_equal(TreesHead.load(tmp_path / "trees.npy", COLUMNS).predict(rows), head.predict(rows))


def test_splits_on_missing_values_are_refused() -> None:
    lightgbm = pytest.importorskip("lightgbm")
    rows, target = training_rows()
    rows[::3, 0] = np.nan
    model = lightgbm.train({"verbose": -1, "num_threads": 1}, lightgbm.Dataset(rows, target), num_boost_round=5)
    with pytest.raises(ArtifactError, match="use_missing=False"):
        trees_from_dump(model.dump_model())


def test_categorical_splits_are_refused() -> None:
    lightgbm = pytest.importorskip("lightgbm")
    rows, _ = training_rows()
    rows[:, 0] = np.abs(np.round(rows[:, 0] * 3))
    data = lightgbm.Dataset(rows, np.isin(rows[:, 0], [1, 4]) * 5.0, categorical_feature=[0])
    model = lightgbm.train({"verbose": -1, "num_threads": 1, "use_missing": False}, data, num_boost_round=5)
    with pytest.raises(ArtifactError, match="make every column a number"):
        trees_from_dump(model.dump_model())


def test_linear_leaves_are_refused() -> None:
    with pytest.raises(ArtifactError, match="linear_tree=False"):
        trees_from_dump(booster(linear_tree=True).dump_model())


def test_random_forests_are_refused() -> None:
    model = booster(boosting="rf", bagging_freq=1, bagging_fraction=0.5)
    with pytest.raises(ArtifactError, match="sum one tree"):
        trees_from_dump(model.dump_model())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("left", 7),
        ("left", -1),
        ("left", 0),
        ("right", 1),
        ("feature", 5),
        ("feature", -1),
        ("threshold", np.nan),
        ("value", np.nan),
        ("tree", 4),
    ],
)
def test_a_damaged_node_table_is_refused(field: str, value: float) -> None:
    nodes = stump(0, 2).nodes.copy()
    nodes[field][0] = value
    with pytest.raises(ArtifactError, match="trees"):
        TreesHead(nodes, 2)


def test_an_empty_node_table_is_refused() -> None:
    with pytest.raises(ArtifactError, match="a table of nodes is due"):
        TreesHead(np.zeros(0, NODE_DTYPE), 2)
