"""What labels add to a prior's heads: bounded slopes, landmarks and small trees, as heads that can be served."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router.scoring.bounded import BoundedHead
from router.scoring.classifier import BlendedHead, Head
from router.scoring.trees import TreesHead, trees_from_dump
from training.refit.basis import Part, Slopes
from training.refit.correction import Task, fit_correction, fit_trust

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
Matrix = NDArray[np.float32]

TREES_SHARE = 0.5
"""Of what trees that know nothing of the other heads would add. Chosen on training tables (``training/LOG.md``)."""

LABELS_FOR_HALF = 200
"""Labels with which the trees have half of that share: on fewer they find mostly noise."""

TREES: dict[str, object] = {
    "objective": "regression",
    "learning_rate": 0.04,
    "num_leaves": 6,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.6,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "use_missing": False,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
ROUNDS = 80
LEAVES_FOR_LABELS, LEAST_IN_LEAF = 40, 10
"""A leaf holds a fortieth of the labels, and ten at least."""

DECIMALS = 10


@dataclass(frozen=True, slots=True)
class Recipe:
    """What additions are made of: the linear parts, where the features start in a row, what fixes the trees' draws.

    Without parts nothing is added to the prior.
    """

    parts: tuple[Part, ...]
    dim: int
    seed: int


@dataclass(frozen=True, slots=True)
class Additions:
    """Predicted gain: ``intercept + trust * prior's score + sum of the heads``, ``belief`` as in ``Correction``."""

    intercept: float
    trust: float
    heads: tuple[BlendedHead, ...]
    belief: float

    def predict(self, rows: Matrix, prior: FloatArray) -> FloatArray:
        """Gains float64 [N] of standardised rows float32 [N, D] that the prior scores ``prior`` [N]."""
        gains = self.intercept + self.trust * prior
        for part in self.heads:
            gains += part.weight * part.head.predict(rows)
        return gains


def fit_additions(recipe: Recipe, rows: Matrix, prior: FloatArray, gain: FloatArray) -> Additions:
    """Fit on N labels.

    Args:
        recipe: what to fit.
        rows: float32 [N, D], standardised.
        prior: the prior's scores, float64 [N].
        gain: what the strong model gained, float64 [N].
    """
    if not recipe.parts:
        trust = fit_trust(prior, gain)
        return Additions(float((gain - trust * prior).mean()), trust, (), 0.0)
    basis = [part.basis(rows) for part in recipe.parts]
    correction = fit_correction(Task(prior, np.hstack(basis), gain))
    heads: list[BlendedHead] = []
    start = 0
    for part, columns in zip(recipe.parts, basis, strict=True):
        slopes = correction.slopes[start : start + part.size]
        start += part.size
        heads.append(BlendedHead(part.name, _head(part, slopes, columns @ slopes, rows.shape[1]), 1.0))
    left = gain - correction.trust * prior
    trees = _trees(recipe, rows, left - left.mean())
    share = TREES_SHARE * correction.belief * len(gain) / (len(gain) + LABELS_FOR_HALF)
    heads.append(BlendedHead("trees", trees, share))
    return Additions(correction.intercept, correction.trust, tuple(heads), correction.belief)


def cross_fitted(recipe: Recipe, rows: Matrix, prior: FloatArray, gain: FloatArray, fold: IntArray) -> FloatArray:
    """Predictions float64 [N], each by additions that were fitted on the labels of the other folds, int [N].

    Every fold's predictions are moved to the mean gain of all labels: the more a fold's own labels gain, the less those
    of the others do, so their mean alone would rank the folds the wrong way round. Without parts the labels decide
    nothing about the order of prompts, so there is nothing to hold out.
    """
    if not recipe.parts:
        return fit_additions(recipe, rows, prior, gain).predict(rows, prior)
    predictions = np.empty(len(gain))
    for number in np.unique(fold):
        here = fold == number
        fitted = fit_additions(recipe, rows[~here], prior[~here], gain[~here])
        predictions[here] = fitted.predict(rows[here], prior[here]) - gain[~here].mean() + gain.mean()
    return predictions


def _head(part: Part, slopes: FloatArray, predictions: FloatArray, width: int) -> Head:
    """Landmarks fade with distance by themselves; slopes are cut to what they say of the labels."""
    if isinstance(part, Slopes):
        low, high = min(float(predictions.min()), 0.0), max(float(predictions.max()), 0.0)
        weights = part.head(slopes, width, DECIMALS).weights
        return BoundedHead(weights, round(low, DECIMALS), round(high, DECIMALS))
    return part.head(slopes, width, DECIMALS)


def _trees(recipe: Recipe, rows: Matrix, left: FloatArray) -> TreesHead:
    """Shallow trees over the features: what they find in embeddings is noise."""
    import lightgbm

    seen = rows.astype(np.float64)
    seen[:, : recipe.dim] = 0.0
    least = max(LEAST_IN_LEAF, len(left) // LEAVES_FOR_LABELS)
    settings = {**TREES, "min_data_in_leaf": least, "seed": recipe.seed}
    booster = lightgbm.train(settings, lightgbm.Dataset(seen, left), num_boost_round=ROUNDS)
    return TreesHead(trees_from_dump(booster.dump_model()), rows.shape[1])
