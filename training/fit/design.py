"""What every fit reads: standardised rows, targets, weights, and which source and family each row comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from router.scoring.inputs import Scaler
from training.records import Family, Labelled

FloatArray = NDArray[np.float64]
Matrix = NDArray[np.float32]

LEAST_SPREAD = 1e-3
"""A column that varies less than this says nothing; its scale is 1, so that it stays near zero."""

COLUMNS_AT_ONCE = 64
"""Columns that are held in double precision at a time: of many rows, all of them would be the most that a run holds."""


@dataclass(frozen=True, slots=True)
class Design:
    """N labelled prompts as arrays.

    ``rows`` float32 [N, D], standardised; ``target`` float64 [N], how hard for the weak tier, 0..1; ``weight``
    float64 [N]; ``source`` and ``family`` [N], as strings; ``both_bad`` float64 [N], the share of votes that called
    both answers bad, NaN where nothing is known, or None where nothing is known of any row.
    """

    rows: Matrix
    target: FloatArray
    weight: FloatArray
    source: NDArray[np.str_]
    family: NDArray[np.str_]
    both_bad: FloatArray | None = None

    @classmethod
    def of(cls, labelled: Sequence[Labelled], rows: Matrix) -> Design:
        """Put labels beside their standardised rows, in the same order."""
        return cls(
            rows=rows,
            target=np.array([row.target for row in labelled], np.float64),
            weight=np.array([row.weight for row in labelled], np.float64),
            source=np.array([row.source for row in labelled], np.str_),
            family=np.array([row.family for row in labelled], np.str_),
            both_bad=np.array([np.nan if row.both_bad is None else row.both_bad for row in labelled], np.float64),
        )

    def __len__(self) -> int:
        return len(self.target)

    def only(self, mask: NDArray[np.bool_]) -> Design:
        """The rows where ``mask`` [N] holds; this design itself, not a copy, where it holds for all."""
        if mask.all():
            return self
        return Design(
            rows=self.rows[mask],
            target=self.target[mask],
            weight=self.weight[mask],
            source=self.source[mask],
            family=self.family[mask],
            both_bad=None if self.both_bad is None else self.both_bad[mask],
        )

    def on(self, target: FloatArray) -> Design:
        """The same rows with another target, float64 [N]."""
        return replace(self, target=target)

    def of_family(self, family: Family) -> Design:
        """The rows of one family."""
        return self.only(self.family == family)

    def by_source(self) -> list[Design]:
        """One design for each source, in the order of their names."""
        return [self.only(self.source == name) for name in np.unique(self.source)]


def centred_by_source(design: Design) -> FloatArray:
    """Targets float64 [N] around the mean of their source: a head would else learn to tell sources apart."""
    centred = design.target.copy()
    for name in np.unique(design.source):
        here = design.source == name
        centred[here] -= centred[here].mean()
    return centred


def fit_scaler(raw: Matrix, weight: FloatArray, dim: int) -> Scaler:
    """Means and scales of raw rows.

    Args:
        raw: float32 [N, D], ``Inputs.raw``.
        weight: float64 [N], so that no source sets the scale by its size.
        dim: columns of the embedding. They share one scale: directions with little spread are not to be blown up.
    """
    share = (weight / weight.sum())[:, None]
    starts = range(0, raw.shape[1], COLUMNS_AT_ONCE)
    moments = [_moments(raw[:, start : start + COLUMNS_AT_ONCE], share) for start in starts]
    mean, variance = (np.concatenate(parts) for parts in zip(*moments, strict=True))
    scale = np.sqrt(variance)
    scale[:dim] = np.sqrt(variance[:dim].mean())
    scale[scale < LEAST_SPREAD] = 1.0
    return Scaler(mean.astype(np.float32), scale.astype(np.float32))


def _moments(raw: Matrix, share: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weighted mean and variance of each column, summed in float64."""
    values = raw.astype(np.float64)
    mean = (values * share).sum(axis=0)
    return mean, ((values - mean) ** 2 * share).sum(axis=0)
