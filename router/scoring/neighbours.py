"""The neighbours head: what a prompt is expected to score, judged by the labelled prompts that it resembles.

A sum of Gaussian bumps around a few hundred centres in some of the input columns. Far from every centre it is zero, so
on a prompt unlike anything labelled the other heads decide.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from router.errors import ArtifactError
from router.scoring.arrays import REMEDY, read_finite, save_array

Matrix = NDArray[np.float32]
Column = NDArray[np.float64]

MOST_CENTRES = 4096
"""Bounds what one decision may cost."""

_PATH_STEPS = 32
"""Steps of the path along which ``contributions`` adds up slopes."""


class NeighboursHead:
    """``sum of values[m] * exp(-|row[start : start + K] * scales - centres[m]|^2)`` over M centres.

    Args:
        centres: float64 [M, K], in scaled columns.
        values: float64 [M].
        scales: float64 [K], not negative; 0 leaves a column out.
        start: the first input column that is read.
        width: input columns D.

    Raises:
        ArtifactError: the shapes do not fit together, a value is not finite, or there are too many centres.
    """

    kind: ClassVar[str] = "neighbours"

    def __init__(self, centres: Column, values: Column, scales: Column, start: int, width: int) -> None:
        if centres.ndim != 2 or values.shape != centres.shape[:1] or scales.shape != centres.shape[1:]:
            raise ArtifactError("neighbours head: centres [M, K], values [M] and scales [K] do not fit together.")
        if not 1 <= len(centres) <= MOST_CENTRES:
            raise ArtifactError(f"neighbours head: 1 to {MOST_CENTRES} centres are due, found {len(centres)}.")
        if not 0 <= start <= start + len(scales) <= width:
            raise ArtifactError(f"neighbours head: columns from {start} on do not lie within {width} columns.")
        if not all(np.all(np.isfinite(part)) for part in (centres, values, scales)) or np.any(scales < 0):
            raise ArtifactError("neighbours head: every value must be finite, and no scale negative.")
        self.centres, self.values, self.scales = (part.astype(np.float64) for part in (centres, values, scales))
        self.start = start
        self._width = width
        self._lengths = (self.centres**2).sum(axis=1)

    @classmethod
    def load(cls, path: Path, width: int) -> NeighboursHead:
        """Read float64 [M + 1, K + 1]: a row of scales and the first column, then each centre with its value.

        Raises:
            ArtifactError: naming the file.
        """
        table = read_finite(path, np.dtype(np.float64), 2)
        if len(table) < 2 or table.shape[1] < 2 or table[0, -1] != int(table[0, -1]):
            raise ArtifactError(f"{path}: float64 [M + 1, K + 1] is due, found {table.shape}; {REMEDY}")
        return cls(table[1:, :-1], table[1:, -1], table[0, :-1], int(table[0, -1]), width)

    @property
    def width(self) -> int:
        """Input columns D."""
        return self._width

    def predict(self, rows: Matrix) -> Column:
        """Standardised rows float32 [N, D] to float64 [N]."""
        # One product per row: a product of whole matrices may round differently in batches of different sizes.
        return np.array([float(self._bumps(self._scaled(row)) @ self.values) for row in rows], np.float64)

    def contributions(self, row: Matrix) -> Column:
        """Share out what one row [D] has over the average prompt, by adding up slopes on the straight way there."""
        scaled = self._scaled(row)
        slopes = np.zeros(len(self.scales))
        for step in range(_PATH_STEPS):
            at = scaled * ((step + 0.5) / _PATH_STEPS)
            pull = self._bumps(at) * self.values
            slopes += -2.0 * (at * pull.sum() - pull @ self.centres)
        shared = np.zeros(self._width)
        shared[self.start : self.start + len(self.scales)] = slopes * scaled / _PATH_STEPS
        return shared

    def save(self, path: Path) -> None:
        """Write the array that ``load`` reads."""
        save_array(path, np.vstack([np.append(self.scales, self.start), np.column_stack([self.centres, self.values])]))

    def _scaled(self, row: Matrix) -> Column:
        scaled: Column = row[self.start : self.start + len(self.scales)] * self.scales
        return scaled

    def _bumps(self, scaled: Column) -> Column:
        distance = self._lengths - 2.0 * (self.centres @ scaled) + scaled @ scaled
        bumps: Column = np.exp(-np.maximum(distance, 0.0))
        return bumps
