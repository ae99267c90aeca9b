"""The kinds of classifier that ``--classifier`` offers, each a list of heads and their shares in the score.

Votes and exams answer two questions: which answer do people prefer, and which is right. Each has a head of its own,
fitted on its own family; the score is their weighted sum, every head scaled to spread 1 over the training rows. The
shares and penalties were chosen by leaving out one training source at a time (``training/LOG.md``), never by a
benchmark.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from msgspec import Struct

from router.errors import DataError
from router.scoring.classifier import Blend, BlendedHead, Head
from training.fit.design import Design, FloatArray
from training.fit.linear import DECIMALS, columns_named, fit_common_slopes, fit_ridge
from training.fit.neighbours import fit_neighbours
from training.fit.network import fit_network
from training.fit.trees import Boost, boosted, fit_trees
from training.records import Family
from training.threads import one_thread

CHAT_PENALTY = 100.0
EXAM_PENALTY = 30.0
LENGTH_PENALTY = 1.0

LENGTH_SHARE = 0.3

FEWEST_ROWS = 40
LEAST_SPREAD = 1e-9
"""A head that varies less than this has learned nothing."""


class Means(Struct, frozen=True, kw_only=True):
    """What heads are fitted with, beside the rows.

    ``dim``: columns of the embedding within a row. ``seed`` fixes whatever is drawn. ``boost``: who grows trees.
    """

    dim: int
    seed: int
    boost: Boost = boosted


class HeadRecipe(Struct, frozen=True, kw_only=True):
    """How one head is fitted.

    ``family``: what it learns from, everything where None. ``fit`` takes a design of at least one row. ``share``: the
    head's spread in the score, beside those of the others. ``trees``: whether it is grown by ``Means.boost``.
    """

    name: str
    family: Family | None
    fit: Callable[[Design, Means], Head]
    share: float = 1.0
    trees: bool = False


class FittedHead(Struct, frozen=True):
    """A head with its name and its share in the score."""

    name: str
    head: Head
    share: float


def _preference(design: Design, means: Means) -> Head:
    """Learns the mean of two targets, each in units of its spread.

    Who won is told of one pair of models, and mostly chance. That both answers were bad is told of the prompt alone,
    and by itself it misleads: people find many short questions badly answered that are easy at a glance.
    """
    target = _standardised(design.target)
    if design.both_bad is not None:
        target = target + _standardised(design.both_bad)
    return fit_ridge(design.on(target), penalty=CHAT_PENALTY)


def _correctness(design: Design, means: Means) -> Head:
    return fit_common_slopes(design, penalty=EXAM_PENALTY)


def _length(design: Design, means: Means) -> Head:
    return fit_common_slopes(design, penalty=LENGTH_PENALTY, columns=columns_named("length.", means.dim))


def _trees(design: Design, means: Means) -> Head:
    return fit_trees(design, seed=means.seed, boost=means.boost)


def _neighbours(design: Design, means: Means) -> Head:
    return fit_neighbours(design, dim=means.dim, seed=means.seed)


def _network(design: Design, means: Means) -> Head:
    return fit_network(design, seed=means.seed)


LINEAR = (
    HeadRecipe(name="preference", family="chat", fit=_preference),
    HeadRecipe(name="correctness", family="exam", fit=_correctness),
    HeadRecipe(name="length", family="exam", fit=_length, share=LENGTH_SHARE),
)
"""A preference head from votes; a correctness head and a prior on length from exams."""

TREES = (HeadRecipe(name="trees", family=None, fit=_trees, trees=True),)
"""One forest over everything."""

NEIGHBOURS = (
    HeadRecipe(name="preference-neighbours", family="chat", fit=_neighbours),
    HeadRecipe(name="correctness-neighbours", family="exam", fit=_neighbours),
)
"""Nearness to labelled prompts."""

NETWORKS = (
    HeadRecipe(name="preference-network", family="chat", fit=_network),
    HeadRecipe(name="correctness-network", family="exam", fit=_network),
)
"""One small network for each family."""

CLASSIFIERS: Mapping[str, tuple[HeadRecipe, ...]] = {
    "ridge": LINEAR,
    "lightgbm": TREES,
    "knn": NEIGHBOURS,
    "mlp": NETWORKS,
    "blend": (*LINEAR, *TREES),
}
"""Kind to its heads."""


def fit_classifier(kind: str, design: Design, means: Means) -> Blend:
    """Fit a classifier.

    Args:
        kind: one of ``CLASSIFIERS``.
        design: what to learn from.
        means: what its heads are fitted with.

    Returns:
        heads scaled so that the score has mean 0 and spread 1 over ``design``.

    Raises:
        DataError: too few rows, or nothing in them to learn.
    """
    if len(design) < FEWEST_ROWS:
        raise DataError(
            f"only {len(design)} labelled prompts are left to fit on, at least {FEWEST_ROWS} are needed; give more "
            "battles (--battles FILE) or a data folder (--data DIR)"
        )
    with one_thread():
        heads = [fit_head(recipe, design, means) for recipe in CLASSIFIERS[kind]]
        return blended([head for head in heads if head is not None], design)


def fit_head(recipe: HeadRecipe, design: Design, means: Means) -> FittedHead | None:
    """Fit one head on its family, None where ``design`` has no row of it; the rest as for ``fit_classifier``."""
    part = design if recipe.family is None else design.of_family(recipe.family)
    return FittedHead(recipe.name, recipe.fit(part, means), recipe.share) if len(part) else None


def blended(fitted: Sequence[FittedHead], design: Design) -> Blend:
    """Give every head its share as spread, and the whole mean 0 and spread 1: a step of score always means the same.

    Raises:
        DataError: the heads do not vary over ``design``.
    """
    share = design.weight / design.weight.sum()
    weights: list[float] = []
    kept: list[FittedHead] = []
    total = np.zeros(len(design))
    for part in fitted:
        values = part.head.predict(design.rows)
        spread = _spread(values, share)
        if spread > LEAST_SPREAD:
            kept.append(part)
            weights.append(part.share / spread)
            total += weights[-1] * values
    whole = _spread(total, share)
    if whole <= LEAST_SPREAD:
        raise DataError(
            "the labels hold nothing to learn: every prompt has the same target; give battles with different winners"
        )
    heads = tuple(
        BlendedHead(part.name, part.head, round(weight / whole, DECIMALS))
        for part, weight in zip(kept, weights, strict=True)
    )
    return Blend(heads, round(-float(share @ total) / whole, DECIMALS))


def _standardised(values: FloatArray) -> FloatArray:
    """Values around their mean in units of their spread; 0 where a value is not known (NaN), or all are alike."""
    known = values[~np.isnan(values)]
    spread = float(known.std()) if len(known) else 0.0
    if spread <= LEAST_SPREAD:
        return np.zeros(len(values))
    return np.where(np.isnan(values), 0.0, (values - known.mean()) / spread)


def _spread(values: FloatArray, share: FloatArray) -> float:
    mean = float(share @ values)
    return float(np.sqrt(share @ (values - mean) ** 2))
