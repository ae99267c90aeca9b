"""The bounded head: a linear one that never says more than it was seen to say where it was fitted.

Slopes fitted on a few hundred prompts of one kind go on for ever; on a prompt unlike them that is no evidence.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from router.errors import ArtifactError
from router.scoring.arrays import REMEDY, read_finite, save_array
from router.scoring.classifier import LinearHead

Matrix = NDArray[np.float32]
Column = NDArray[np.float64]


class BoundedHead:
    """``clip(rows @ weights, low, high)``.

    Args:
        weights: float64 [D], finite.
        low: finite; the average prompt, where the product is 0, is not below it.
        high: the same from above.

    Raises:
        ArtifactError: a value is not finite, or 0 lies outside the bounds.
    """

    kind: ClassVar[str] = "bounded"

    def __init__(self, weights: Column, low: float, high: float) -> None:
        if not (np.isfinite(low) and np.isfinite(high) and low <= 0.0 <= high):
            raise ArtifactError("bounded head: the bounds must be finite, and 0 must lie between them.")
        self._linear = LinearHead(weights, 0.0)
        self.low, self.high = float(low), float(high)

    @classmethod
    def load(cls, path: Path) -> BoundedHead:
        """Read float64 [D + 2], the bounds last; raises ``ArtifactError`` naming the file."""
        values = read_finite(path, np.dtype(np.float64), 1)
        if len(values) < 3:
            raise ArtifactError(f"{path}: float64 [D + 2] is due, found {values.shape}; {REMEDY}")
        return cls(values[:-2], float(values[-2]), float(values[-1]))

    @property
    def width(self) -> int:
        """Input columns D."""
        return self._linear.width

    def predict(self, rows: Matrix) -> Column:
        """See ``Head.predict``."""
        bounded: Column = np.clip(self._linear.predict(rows), self.low, self.high)
        return bounded

    def contributions(self, row: Matrix) -> Column:
        """Each weight times its column; where the sum is cut, all shrink alike, so that they still add up."""
        parts = self._linear.contributions(row)
        total = float(parts.sum())
        bounded = min(max(total, self.low), self.high)
        return parts if bounded == total else parts * (bounded / total)

    def save(self, path: Path) -> None:
        """Write the array that ``load`` reads."""
        save_array(path, np.append(self._linear.weights, [self.low, self.high]))
