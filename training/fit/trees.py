"""The LightGBM head: shallow trees, exported as a plain table of nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from router.scoring.trees import TreesHead, trees_from_dump
from training.fit.design import Design, FloatArray, Matrix, centred_by_source

Boost = Callable[[Matrix, FloatArray, FloatArray, int], dict[str, Any]]
"""Grows a forest: rows float32 [N, D], targets and weights float64 [N], and a seed, to LightGBM's dump of a booster."""

SETTINGS: dict[str, object] = {
    "objective": "regression",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "use_missing": False,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
ROUNDS = 150


def boosted(rows: Matrix, target: FloatArray, weight: FloatArray, seed: int) -> dict[str, Any]:
    """Grow a forest in this process, as ``Boost`` says."""
    import lightgbm

    data = lightgbm.Dataset(rows.astype(np.float64), target, weight=weight, free_raw_data=True)
    booster = lightgbm.train({**SETTINGS, "seed": seed}, data, num_boost_round=ROUNDS)
    dump: dict[str, Any] = booster.dump_model()
    return dump


def fit_trees(design: Design, *, seed: int, boost: Boost = boosted) -> TreesHead:
    """Boosted trees on the targets, each source around its own mean.

    Args:
        design: rows of any sources and families.
        seed: fixes which rows and columns each tree sees.
        boost: who grows them.
    """
    dump = boost(design.rows, centred_by_source(design), design.weight, seed)
    return TreesHead(trees_from_dump(dump), design.rows.shape[1])
