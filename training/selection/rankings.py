"""How well scores rank: Spearman's correlation and the area under the curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def rank_correlation(first: FloatArray, second: FloatArray) -> float:
    """Spearman's correlation, ties sharing their mean rank; 0 where either does not vary."""
    one, other = (_centred(_mean_ranks(values)) for values in (first, second))
    length = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / length if length > 0 else 0.0


def auc(scores: FloatArray, wins: NDArray[np.bool_]) -> float:
    """Chance that a prompt which the strong model won scores above one which it did not; .5 where all are alike."""
    positive, negative = int(wins.sum()), int((~wins).sum())
    if not positive or not negative:
        return 0.5
    ranks = _mean_ranks(scores)
    return float((ranks[wins].sum() - positive * (positive - 1) / 2) / (positive * negative))


def _centred(values: FloatArray) -> FloatArray:
    centred: FloatArray = values - values.mean()
    return centred


def _mean_ranks(values: FloatArray) -> FloatArray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: FloatArray = (ends - (counts + 1) / 2)[inverse]
    return ranks
