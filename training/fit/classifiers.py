"""The kinds of classifier that ``--classifier`` offers, each a recipe of heads and their shares in the score.

Votes and exams answer two questions: which answer do people prefer, and which is right. Each has a head of its own,
fitted on its own family; the score is their weighted sum, every head scaled to spread 1 over the training rows. The
shares and penalties were chosen by leaving out one training source at a time (``training/LOG.md``), never by a
benchmark.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from router.errors import DataError
from router.scoring.classifier import Blend, BlendedHead, Head
from training.fit.design import Design, FloatArray
from training.fit.linear import DECIMALS, columns_named, fit_common_slopes, fit_ridge
from training.fit.trees import fit_trees
from training.threads import one_thread

CHAT_PENALTY = 100.0
EXAM_PENALTY = 30.0
LENGTH_PENALTY = 1.0

PREFERENCE_SHARE = 1.0
CORRECTNESS_SHARE = 1.0
LENGTH_SHARE = 0.3
TREES_SHARE = 1.0

FEWEST_ROWS = 40
LEAST_SPREAD = 1e-9
"""A head that varies less than this has learned nothing."""

DEFAULT_CLASSIFIER = "ridge"

Part = tuple[str, Head, float]
"""Name, head, share in the score."""


def fit_classifier(kind: str, design: Design, *, dim: int, seed: int) -> Blend:
    """Fit a classifier.

    Args:
        kind: one of ``CLASSIFIERS``.
        design: what to learn from.
        dim: columns of the embedding within a row.
        seed: fixes whatever is drawn.

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
        parts = CLASSIFIERS[kind](design, dim, seed)
        return _blended(parts, design)


def linear_parts(design: Design, dim: int, seed: int) -> list[Part]:
    """A preference head from votes; a correctness head and a prior on length from exams."""
    chat, exam = design.of_family("chat"), design.of_family("exam")
    parts: list[Part] = []
    if len(chat):
        parts.append(("preference", fit_ridge(chat, penalty=CHAT_PENALTY), PREFERENCE_SHARE))
    if len(exam):
        length = columns_named("length.", dim)
        parts += [
            ("correctness", fit_common_slopes(exam, penalty=EXAM_PENALTY), CORRECTNESS_SHARE),
            ("length", fit_common_slopes(exam, penalty=LENGTH_PENALTY, columns=length), LENGTH_SHARE),
        ]
    return parts


def tree_parts(design: Design, dim: int, seed: int) -> list[Part]:
    """One forest over everything."""
    return [("trees", fit_trees(design, seed=seed), TREES_SHARE)]


def blended_parts(design: Design, dim: int, seed: int) -> list[Part]:
    """The linear heads and the forest."""
    return [*linear_parts(design, dim, seed), *tree_parts(design, dim, seed)]


CLASSIFIERS: Mapping[str, Callable[[Design, int, int], list[Part]]] = {
    "ridge": linear_parts,
    "lightgbm": tree_parts,
    "blend": blended_parts,
}
"""Kind to recipe."""


def _blended(parts: list[Part], design: Design) -> Blend:
    """Give every head its share as spread, and the whole mean 0 and spread 1: a step of score always means the same."""
    share = design.weight / design.weight.sum()
    weights: list[float] = []
    kept: list[tuple[str, Head]] = []
    total = np.zeros(len(design))
    for name, head, part_share in parts:
        values = head.predict(design.rows)
        spread = _spread(values, share)
        if spread > LEAST_SPREAD:
            kept.append((name, head))
            weights.append(part_share / spread)
            total += weights[-1] * values
    whole = _spread(total, share)
    if whole <= LEAST_SPREAD:
        raise DataError(
            "the labels hold nothing to learn: every prompt has the same target; give battles with different winners"
        )
    heads = tuple(
        BlendedHead(name, head, round(weight / whole, DECIMALS))
        for (name, head), weight in zip(kept, weights, strict=True)
    )
    return Blend(heads, round(-float(share @ total) / whole, DECIMALS))


def _spread(values: FloatArray, share: FloatArray) -> float:
    mean = float(share @ values)
    return float(np.sqrt(share @ (values - mean) ** 2))
