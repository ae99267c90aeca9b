"""Is the mean of bounded values above zero? A test that holds for every sample size and every distribution.

The bettor starts with a capital of 1 and before each value stakes a part of it that depends on earlier values alone.
Where the true mean is not above zero the game is not in the bettor's favour, so the capital ever reaches 1 / level with
a chance of at most ``level`` (Ville's inequality). The stakes are the predictable plug-in ones of Waudby-Smith and
Ramdas, "Estimating means of bounded random variables by betting", JRSS-B 86(1), 2024, in the form for a known number
of values: they follow the variance, which makes this test far tighter than Hoeffding's or Bentkus's bound where most
values are small against the largest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

MOST_AT_STAKE = 0.5
"""Part of the capital that the worst value can take at once."""


def mean_is_positive(values: FloatArray, *, lowest: float, level: float) -> BoolArray:
    """Whether the mean behind each row of values is above zero.

    Args:
        values: float64 [..., N], independent draws along the last axis, none below ``lowest``.
        lowest: what no value can fall below, < 0, whatever the sample shows.
        level: the greatest chance, 0..1, of a yes where the mean is zero or less.

    Returns:
        bool [...].
    """
    size = values.shape[-1]
    if not size:
        return np.zeros(values.shape[:-1], np.bool_)
    count = np.arange(1, size + 1)
    goal = np.log(1.0 / level)
    # One imagined value at distance ``lowest`` from a mean of zero opens the estimates, as in the paper.
    mean = np.cumsum(values, axis=-1) / (count + 1)
    variance = (lowest**2 + np.cumsum((values - mean) ** 2, axis=-1)) / (count + 1)
    before = np.concatenate([np.full((*values.shape[:-1], 1), lowest**2), variance[..., :-1]], axis=-1)
    stake = np.minimum(np.sqrt(2.0 * goal / (before * size)), MOST_AT_STAKE / -lowest)
    capital = np.cumsum(np.log1p(stake * values), axis=-1)
    return np.asarray(capital.max(axis=-1) >= goal)
