"""The classifier: heads that map an input row to a number, blended into the score.

Heads are fitted elsewhere (scikit-learn, LightGBM) and stored as plain arrays, so that serving needs numpy alone. Every
head sums each row on its own, hence a row's score does not depend on the batch that it came in.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.errors import ArtifactError
from router.scoring.arrays import REMEDY, read_finite, save_array

Matrix = NDArray[np.float32]
Column = NDArray[np.float64]

_BLOCK_ROWS = 512
"""Rows that the heads see at a time: what they compute in between must fit the processor's cache."""


class Head(Protocol):
    """One fitted model. ``width`` is the number of input columns D."""

    kind: ClassVar[str]

    @property
    def width(self) -> int:
        """Input columns D."""
        ...

    def predict(self, rows: Matrix) -> Column:
        """Standardised rows float32 [N, D] to float64 [N]; higher is harder for the weak model."""
        ...

    def contributions(self, row: Matrix) -> Column:
        """What each column of one row [D] added to its prediction, float64 [D], against the average prompt."""
        ...

    def save(self, path: Path) -> None:
        """Write the head's one array."""
        ...


class LinearHead:
    """``rows @ weights + bias``.

    Args:
        weights: float64 [D], finite.
        bias: finite.
    """

    kind: ClassVar[str] = "linear"

    def __init__(self, weights: Column, bias: float) -> None:
        if weights.ndim != 1 or not np.all(np.isfinite(weights)) or not np.isfinite(bias):
            raise ArtifactError("linear head: weights must be one row of finite values, and the bias finite.")
        self.weights = weights.astype(np.float64)
        self.bias = float(bias)

    @classmethod
    def load(cls, path: Path) -> LinearHead:
        """Read float64 [D + 1], the bias last; raises ``ArtifactError`` naming the file."""
        values = read_finite(path, np.dtype(np.float64), 1)
        return cls(values[:-1], float(values[-1]))

    @property
    def width(self) -> int:
        """Input columns D."""
        return len(self.weights)

    def predict(self, rows: Matrix) -> Column:
        """See ``Head.predict``."""
        total: Column = np.add.reduce(rows * self.weights, axis=1)  # `sum` does the same, by a longer way
        return total + self.bias

    def contributions(self, row: Matrix) -> Column:
        """Each weight times its column; columns are standardised, so zero is the average prompt."""
        return row * self.weights

    def save(self, path: Path) -> None:
        """Write the array that ``load`` reads."""
        save_array(path, np.append(self.weights, self.bias))


class MlpHead:
    """One hidden layer: ``relu(rows @ inner + inner_bias) @ outer + outer_bias``.

    Args:
        inner: float64 [D, H].
        inner_bias: float64 [H].
        outer: float64 [H].
        outer_bias: finite.
    """

    kind: ClassVar[str] = "mlp"

    def __init__(self, inner: Column, inner_bias: Column, outer: Column, outer_bias: float) -> None:
        hidden = inner.shape[-1]
        if inner.ndim != 2 or inner_bias.shape != (hidden,) or outer.shape != (hidden,):
            raise ArtifactError("mlp head: inner [D, H], inner bias [H] and outer [H] do not fit together.")
        if not all(np.all(np.isfinite(part)) for part in (inner, inner_bias, outer, outer_bias)):
            raise ArtifactError("mlp head: every weight must be finite.")
        self.inner = inner.astype(np.float64)
        self.inner_bias = inner_bias.astype(np.float64)
        self.outer = outer.astype(np.float64)
        self.outer_bias = float(outer_bias)

    @classmethod
    def load(cls, path: Path) -> MlpHead:
        """Read float64 [D + 3, H]: inner, inner bias, outer, outer bias (first cell of the last row)."""
        values = read_finite(path, np.dtype(np.float64), 2)
        if len(values) < 4 or not values.shape[1]:
            raise ArtifactError(f"{path}: float64 [D + 3, H] is due, found {values.shape}; {REMEDY}")
        return cls(values[:-3], values[-3], values[-2], float(values[-1, 0]))

    @property
    def width(self) -> int:
        """Input columns D."""
        return len(self.inner)

    def predict(self, rows: Matrix) -> Column:
        """See ``Head.predict``."""
        # One product per row: a product of whole matrices may round differently in batches of different sizes.
        return np.array([self._predict_row(row) for row in rows], np.float64)

    def contributions(self, row: Matrix) -> Column:
        """Share out by the slope at this row: exact up to the bias terms, as the network is linear around it."""
        active = (row.astype(np.float64) @ self.inner + self.inner_bias) > 0
        return row * (self.inner @ (self.outer * active))

    def save(self, path: Path) -> None:
        """Write the array that ``load`` reads."""
        last = np.zeros(len(self.outer))
        last[0] = self.outer_bias
        save_array(path, np.vstack([self.inner, self.inner_bias, self.outer, last]))

    def _predict_row(self, row: Matrix) -> float:
        hidden = np.maximum(row.astype(np.float64) @ self.inner + self.inner_bias, 0.0)
        return float(hidden @ self.outer) + self.outer_bias


class BlendedHead(Struct, frozen=True):
    """A head with its name and its weight in the blend."""

    name: str
    head: Head
    weight: float


class Blend:
    """The score: ``bias + sum of weight * head``.

    Args:
        heads: at least one; all of one width.
        bias: added to every score.

    Raises:
        ArtifactError: no heads, widths that differ, or a weight that is not finite.
    """

    def __init__(self, heads: tuple[BlendedHead, ...], bias: float = 0.0) -> None:
        if not heads:
            raise ArtifactError("classifier: at least one head is due.")
        if len({part.head.width for part in heads}) > 1:
            raise ArtifactError("classifier: the heads read rows of different widths; refit the artifact.")
        if not all(np.isfinite([bias, *(part.weight for part in heads)])):
            raise ArtifactError("classifier: bias and head weights must be finite; refit the artifact.")
        self.heads = heads
        self.bias = bias

    @property
    def width(self) -> int:
        """Input columns D."""
        return self.heads[0].head.width

    def predict(self, rows: Matrix) -> Column:
        """Scores float64 [N] of standardised rows float32 [N, D]."""
        if len(rows) <= _BLOCK_ROWS:
            return self._predict_block(rows)
        blocks = [rows[start : start + _BLOCK_ROWS] for start in range(0, len(rows), _BLOCK_ROWS)]
        return np.concatenate([self._predict_block(block) for block in blocks])

    def _predict_block(self, rows: Matrix) -> Column:
        first, *others = self.heads
        scores = self.bias + first.weight * first.head.predict(rows)
        for part in others:
            scores += part.weight * part.head.predict(rows)
        return scores

    def contributions(self, row: Matrix) -> Column:
        """What each column of one row [D] added to its score, float64 [D]."""
        total = np.zeros(self.width)
        for part in self.heads:
            total += part.weight * part.head.contributions(row)
        return total
