"""The LightGBM head: shallow trees, exported as a plain table of nodes."""

from __future__ import annotations

import numpy as np

from router.scoring.trees import TreesHead, trees_from_dump
from training.fit.design import Design, centred_by_source

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


def fit_trees(design: Design, *, seed: int) -> TreesHead:
    """Boosted trees on the targets, each source around its own mean.

    Args:
        design: rows of any sources and families.
        seed: fixes which rows and columns each tree sees.
    """
    import lightgbm

    target = centred_by_source(design)
    data = lightgbm.Dataset(design.rows.astype(np.float64), target, weight=design.weight, free_raw_data=True)
    booster = lightgbm.train({**SETTINGS, "seed": seed}, data, num_boost_round=ROUNDS)
    return TreesHead(trees_from_dump(booster.dump_model()), design.rows.shape[1])
