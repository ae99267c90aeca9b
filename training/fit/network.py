"""The network head: a few small networks side by side, which is one network of as many hidden units."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from router.scoring.classifier import MlpHead
from training.fit.design import Design, centred_by_source
from training.fit.linear import DECIMALS

if TYPE_CHECKING:
    from sklearn.neural_network import MLPRegressor

NETWORKS = 3
"""Their mean: one network's ranking depends much on where its weights started."""

HIDDEN = 8
PENALTY = 30.0
LEARNING_RATE = 3e-3
STEPS = 1000
"""Of gradient descent, whatever the number of rows: labels are few and noisy, and stopping early is a penalty too."""

ROWS_A_STEP = 64


def fit_network(design: Design, *, seed: int) -> MlpHead:
    """Networks on the targets, each source around its own mean; the head is their average.

    Args:
        design: rows of any sources.
        seed: fixes where the weights start and in which order rows are seen.
    """
    networks = [_fitted(design, seed + number) for number in range(NETWORKS)]
    return MlpHead(
        inner=np.round(np.concatenate([network.coefs_[0] for network in networks], axis=1), DECIMALS),
        inner_bias=np.round(np.concatenate([network.intercepts_[0] for network in networks]), DECIMALS),
        outer=np.round(np.concatenate([network.coefs_[1].ravel() for network in networks]) / NETWORKS, DECIMALS),
        outer_bias=round(float(np.mean([network.intercepts_[1] for network in networks])), DECIMALS),
    )


def _fitted(design: Design, seed: int) -> MLPRegressor:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    target = centred_by_source(design)
    spread = float(target.std()) or 1.0
    epochs = max(1, STEPS * ROWS_A_STEP // len(design))
    network = MLPRegressor(
        hidden_layer_sizes=(HIDDEN,),
        alpha=PENALTY,
        learning_rate_init=LEARNING_RATE,
        batch_size=min(ROWS_A_STEP, len(design)),
        max_iter=epochs,
        n_iter_no_change=epochs,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it stops early on purpose
        network.fit(design.rows, target / spread, sample_weight=design.weight / design.weight.mean())
    return network
