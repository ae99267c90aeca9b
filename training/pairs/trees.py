"""Gradient-boosted trees on the features of pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from router.scoring.trees import trees_from_dump

if TYPE_CHECKING:
    from lightgbm import Booster

SETTINGS: dict[str, object] = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 30,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "use_missing": False,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
ROUNDS = 300
COPIES = 5
"""Fits with other seeds, whose mean is taken: near the top of the scores one fit is a matter of luck."""


class Forest:
    """The mean of several boosters.

    Args:
        boosters: at least one, all on the same columns.
    """

    def __init__(self, boosters: list[Booster]) -> None:
        self._boosters = boosters

    def __call__(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Features float32 [N, D] to log odds float64 [N]."""
        of_each = [booster.predict(rows.astype(np.float64), raw_score=True) for booster in self._boosters]
        return np.asarray(np.mean(of_each, axis=0), np.float64)

    def nodes(self) -> NDArray[np.void]:
        """One table of nodes, as serving walks it; the sum of its leaves is what a call gives."""
        tables = []
        trees = nodes = 0
        for booster in self._boosters:
            table = trees_from_dump(booster.dump_model())
            table["tree"] += trees
            table["left"] += nodes
            table["right"] += nodes
            table["value"] /= len(self._boosters)
            trees, nodes = int(table["tree"][-1]) + 1, nodes + len(table)
            tables.append(table)
        return np.concatenate(tables)


def fit_trees(
    rows: NDArray[np.float32],
    same: NDArray[np.bool_],
    weight: NDArray[np.float64],
    *,
    seed: int,
    rounds: int = ROUNDS,
    copies: int = COPIES,
) -> Forest:
    """Fit on features float32 [N, D], all finite, on whether one answer serves both."""
    import lightgbm

    data = lightgbm.Dataset(rows.astype(np.float64), same.astype(np.float64), weight=weight, params=SETTINGS)
    return Forest(
        [
            lightgbm.train({**SETTINGS, "seed": copies * seed + copy}, data, num_boost_round=rounds)
            for copy in range(copies)
        ]
    )
