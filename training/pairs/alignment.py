"""Late interaction: for each token of one text the nearest of the other, and what is left without a match.

The vectors may be of any reader: the teacher's, in context, or the static table's.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

FAR = (0.4, 0.6, 0.8)
"""Cosines below which a token counts as unmatched."""

NAMES: tuple[str, ...] = (
    "cosine", "mean_low", "mean_high", "weighted_low", "weighted_high", "least_low", "least_high",
    "tenth_low", "tenth_high",
    *(f"{which}_below_{far}" for far in FAR for which in ("fewer", "more")),
    "number_least", "capital_least", "heaviest_low", "heaviest_high", "order",
)  # fmt: skip
"""Names of what :func:`alignment_features` gives."""


class Tokens(NamedTuple):
    """The T tokens of a text.

    ``vectors`` float32 [T, D], unit; ``weights`` float32 [T], how rare each is; ``numbers`` and ``capitals`` bool [T]:
    what it begins.
    """

    vectors: Vectors
    weights: NDArray[np.float32]
    numbers: NDArray[np.bool_]
    capitals: NDArray[np.bool_]


def alignment_features(a: Tokens, b: Tokens) -> list[float]:
    """The figures of ``NAMES``, symmetric in the two sides; NaN where a side has no token."""
    if not len(a.vectors) or not len(b.vectors):
        return [float("nan")] * len(NAMES)
    cosines = a.vectors @ b.vectors.T
    best_a, best_b = cosines.max(1), cosines.max(0)
    mean_a, mean_b = a.vectors.mean(0), b.vectors.mean(0)
    length = float(np.linalg.norm(mean_a) * np.linalg.norm(mean_b)) or 1.0
    return [
        float(mean_a @ mean_b) / length,
        *_sorted(best_a.mean(), best_b.mean()),
        *_sorted(_weighted(best_a, a.weights), _weighted(best_b, b.weights)),
        *_sorted(best_a.min(), best_b.min()),
        *_sorted(np.quantile(best_a, 0.1), np.quantile(best_b, 0.1)),
        *(
            value
            for far in FAR
            for value in _sorted(float(a.weights[best_a < far].sum()), float(b.weights[best_b < far].sum()))
        ),
        min(_least(best_a, a.numbers), _least(best_b, b.numbers)),
        min(_least(best_a, a.capitals), _least(best_b, b.capitals)),
        *_sorted(best_a[a.weights.argmax()], best_b[b.weights.argmax()]),
        _in_order(cosines),
    ]


def _sorted(first: float, second: float) -> tuple[float, float]:
    low, high = float(min(first, second)), float(max(first, second))
    return low, high


def _weighted(best: NDArray[np.float32], weights: NDArray[np.float32]) -> float:
    return float(best @ weights / max(1e-6, float(weights.sum())))


def _least(best: NDArray[np.float32], chosen: NDArray[np.bool_]) -> float:
    return float(best[chosen].min()) if chosen.any() else 1.0


def _in_order(cosines: Vectors) -> float:
    """Rank correlation of places, over tokens that are each other's nearest; 1 where there are fewer than three."""
    to_b, to_a = cosines.argmax(1), cosines.argmax(0)
    mutual = np.flatnonzero(to_a[to_b] == np.arange(len(to_b)))
    if len(mutual) < 3:  # two can only agree or not
        return 1.0
    ranks = to_b[mutual].argsort().argsort()
    return float(np.corrcoef(np.arange(len(ranks)), ranks)[0, 1])
