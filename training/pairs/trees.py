"""Gradient-boosted trees on the features of pairs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

SETTINGS: dict[str, object] = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 30,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
ROUNDS = 300
COPIES = 5
"""Fits with other seeds, whose mean is taken: near the top of the scores one fit is a matter of luck."""


Scorer = Callable[[NDArray[np.float32]], NDArray[np.float64]]
"""Features float32 [N, D] to log odds float64 [N]."""


def fit_trees(
    rows: NDArray[np.float32], same: NDArray[np.bool_], weight: NDArray[np.float64], *, seed: int, rounds: int = ROUNDS
) -> Scorer:
    """Fit on features float32 [N, D], NaN where a pair has no such part, on whether one answer serves both."""
    import lightgbm

    data = lightgbm.Dataset(rows.astype(np.float64), same.astype(np.float64), weight=weight)
    boosters = [
        lightgbm.train({**SETTINGS, "seed": COPIES * seed + copy}, data, num_boost_round=rounds)
        for copy in range(COPIES)
    ]

    def score(those: NDArray[np.float32]) -> NDArray[np.float64]:
        of_each = [booster.predict(those.astype(np.float64), raw_score=True) for booster in boosters]
        return np.asarray(np.mean(of_each, axis=0), np.float64)

    return score
