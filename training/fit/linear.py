"""Linear heads: ridge regression over all sources, and the mean of one small ridge for each source.

The second is for exam questions. What makes a question hard differs from exam to exam, and so does how hard the exam
is. Fitting each source on its own, around its own mean, and averaging the slopes keeps what they have in common; a
large source cannot outvote the others, nor can the difference between two exams pass for a reason.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from router.scoring.classifier import LinearHead
from router.scoring.features import FEATURE_NAMES
from training.fit.design import Design, FloatArray

DECIMALS = 10
"""Digits that a weight keeps: what a processor may do otherwise in the last bits is rounded away."""

LEAST_ROWS = 50
"""A source with fewer rows gives slopes that are all noise, and has no say in the mean."""


def fit_ridge(design: Design, *, penalty: float) -> LinearHead:
    """Weighted ridge regression on the targets.

    Args:
        design: at least one row.
        penalty: per row of mean weight; the same strength whatever the number of rows.
    """
    slopes, intercept = ridge_slopes(design.rows, design.target, design.weight, penalty)
    return rounded_head(slopes, intercept)


def fit_common_slopes(design: Design, *, penalty: float, columns: Sequence[int] | None = None) -> LinearHead:
    """Mean over sources of each source's ridge slopes, its targets in units of their own spread.

    Args:
        design: rows of one or more sources.
        penalty: as for ``fit_ridge``.
        columns: input columns that may count; all where None.
    """
    width = design.rows.shape[1]
    used = np.arange(width) if columns is None else np.array(columns)
    slopes = [
        ridge_slopes(part.rows[:, used], part.target / spread, np.ones(len(part)), penalty)[0]
        for part in _large_enough(design.by_source())
        if (spread := float(part.target.std())) > 0
    ]
    common = np.zeros(width)
    if slopes:
        common[used] = np.mean(slopes, axis=0)
    return rounded_head(common, 0.0)


def ridge_slopes(
    rows: NDArray[np.floating], target: FloatArray, weight: FloatArray, penalty: float
) -> tuple[FloatArray, float]:
    """Slopes float64 [D] and intercept of weighted ridge regression; ``penalty`` as for ``fit_ridge``."""
    from sklearn.linear_model import Ridge

    # The rows are a copy already, the only one in double precision: it may be centred in place.
    model = Ridge(alpha=penalty * float(weight.sum()), solver="cholesky", copy_X=False)
    model.fit(rows.astype(np.float64), target, sample_weight=weight)
    return np.asarray(model.coef_, np.float64), float(model.intercept_)


def columns_named(prefix: str, dim: int) -> list[int]:
    """Input columns of the features whose name starts with ``prefix``; ``dim`` is the width of the embedding."""
    return [dim + place for place, name in enumerate(FEATURE_NAMES) if name.startswith(prefix)]


def rounded_head(slopes: FloatArray, intercept: float) -> LinearHead:
    """A head whose weights have ``DECIMALS`` digits after the point."""
    return LinearHead(np.round(slopes, DECIMALS), round(float(intercept), DECIMALS))


def _large_enough(parts: Sequence[Design]) -> list[Design]:
    large = [part for part in parts if len(part) >= LEAST_ROWS]
    return large or list(parts)
