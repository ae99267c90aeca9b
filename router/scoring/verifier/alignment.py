"""Late interaction: for each token of one text the nearest of the other, and what is left without a match.

The vectors may be of any reader: the static table's, or those of a sentence encoder in context.
"""

from __future__ import annotations

import math
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

_FAR = np.array(FAR)[:, None]
_LIGHT = 1e-6

# An array's own methods do the same behind a few Python calls, which for a dozen tokens are most of their time.
_sum, _max, _min, _any = np.add.reduce, np.maximum.reduce, np.minimum.reduce, np.logical_or.reduce


class Tokens(NamedTuple):
    """The T tokens of a text.

    ``vectors`` float32 [T, D], of any length; ``shrink`` float64 [T]: what makes each a unit vector, 0 for one that
    counts for nothing; ``weights`` float64 [T], how rare each is; ``numbers`` and ``capitals`` bool [T]: what begins
    with one. The rest follows: ``length`` of the mean of the unit vectors, ``weight`` of all together, at least a
    little, and the place of the ``heaviest``; what is counted once need not be for every candidate.
    """

    vectors: Vectors
    shrink: NDArray[np.float64]
    weights: NDArray[np.float64]
    numbers: NDArray[np.bool_]
    capitals: NDArray[np.bool_]
    length: float
    weight: float
    heaviest: int

    @classmethod
    def of(
        cls, vectors: Vectors, weights: NDArray[np.float64], numbers: NDArray[np.bool_], capitals: NDArray[np.bool_]
    ) -> Tokens:
        """Tokens with vectors of any length."""
        squares = np.einsum("td,td->t", vectors, vectors).astype(np.float64)
        shrink = np.divide(1.0, np.sqrt(squares), out=np.zeros(len(squares)), where=squares > 0)
        if not len(vectors):
            return cls(vectors, shrink, weights, numbers, capitals, 0.0, _LIGHT, 0)
        mean = shrink @ vectors / len(vectors)
        length, weight = math.sqrt(float(mean @ mean)), max(_LIGHT, float(_sum(weights)))
        return cls(vectors, shrink, weights, numbers, capitals, length, weight, int(weights.argmax()))


def alignment_features(a: Tokens, b: Tokens) -> list[float]:
    """The figures of ``NAMES``, symmetric in the two sides; all 0 where a side has no token.

    Products of integer vectors are exact in any order, and all else is done in float64, so that machines with different
    vector units agree: a tree split may not depend on the processor.
    """
    if not len(a.vectors) or not len(b.vectors):
        return [0.0] * len(NAMES)
    cosines = (a.vectors @ b.vectors.T) * a.shrink[:, None] * b.shrink
    nearest_b, nearest_a = cosines.argmax(1), cosines.argmax(0)
    best_a, best_b = _max(cosines, axis=1), _max(cosines, axis=0)
    one, other = _of_side(best_a, a), _of_side(best_b, b)
    pairs = [bound for values in zip(one, other, strict=True) for bound in (min(values), max(values))]
    return [
        float(_sum(cosines, axis=None)) / cosines.size / ((a.length * b.length) or 1.0),
        *pairs[:-2],
        min(_least(best_a, a.numbers), _least(best_b, b.numbers)),
        min(_least(best_a, a.capitals), _least(best_b, b.capitals)),
        *pairs[-2:],
        _in_order(nearest_b, nearest_a),
    ]


def _of_side(best: NDArray[np.float64], tokens: Tokens) -> list[float]:
    """Mean, weighted mean, least and tenth percentile of the best matches, unmatched weight, heaviest token's match."""
    weights = tokens.weights
    ordered = np.sort(best)
    return [
        float(_sum(best)) / len(best),
        float(best @ weights) / tokens.weight,
        float(ordered[0]),
        _tenth(ordered),
        *((best < _FAR) @ weights).tolist(),
        float(best[tokens.heaviest]),
    ]


def _tenth(ordered: NDArray[np.float64]) -> float:
    """The value a tenth of the way up, between its neighbours where it falls between them."""
    place = 0.1 * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return float(ordered[low] + (ordered[high] - ordered[low]) * (place - low))


def _least(best: NDArray[np.float64], chosen: NDArray[np.bool_]) -> float:
    return float(_min(best[chosen])) if _any(chosen) else 1.0


def _in_order(to_b: NDArray[np.intp], to_a: NDArray[np.intp]) -> float:
    """Rank correlation of places, over tokens that are each other's nearest; 1 where there are fewer than three."""
    mutual = to_b[to_a[to_b] == np.arange(len(to_b))]
    count = len(mutual)
    if count < 3:  # two can only agree or not
        return 1.0
    ranks = mutual.argsort().argsort()
    squares = float(np.square(ranks - np.arange(count)).sum())
    return 1.0 - 6.0 * squares / (count * (count * count - 1))
