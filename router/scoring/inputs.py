"""From text to the row of numbers that the heads read: the embedding, then the features, each column standardised."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from router.errors import ArtifactError
from router.scoring.arrays import read_finite, save_array
from router.scoring.encoder import StaticEncoder
from router.scoring.features import FEATURE_NAMES, features
from router.scoring.prompt import bound

_BLOCK_TEXTS = 256
"""Texts tokenized at a time: tokenizers keep some kilobytes about each."""

CLIP = 6.0
"""Standardised columns are cut here, so that one freak count cannot outvote everything else."""


class Inputs:
    """Raw input rows: ``[embedding (dim) | features (F)]``, float32.

    Args:
        encoder: gives the embedding and the token ids that the features count.
    """

    def __init__(self, encoder: StaticEncoder) -> None:
        self.encoder = encoder

    @property
    def width(self) -> int:
        """Columns of a row."""
        return self.encoder.dim + len(FEATURE_NAMES)

    def raw(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Rows float32 [N, D] of N texts, bounded here; the same bits whatever the batch."""
        rows = np.empty((len(texts), self.width), np.float32)
        for start in range(0, len(texts), _BLOCK_TEXTS):
            block = slice(start, start + _BLOCK_TEXTS)
            bounded = [bound(text) for text in texts[block]]
            for row, text, ids in zip(rows[block], bounded, self.encoder.tokenize_batch(bounded), strict=True):
                self._fill(row, text, ids)
        return rows

    def raw_one(self, text: str) -> tuple[NDArray[np.float32], int]:
        """The row float32 [D] of one text, and how many tokens were looked up."""
        bounded = bound(text)
        ids = self.encoder.tokenize(bounded)
        row = np.empty(self.width, np.float32)
        self._fill(row, bounded, ids)
        return row, len(ids)

    def _fill(self, row: NDArray[np.float32], text: str, ids: NDArray[np.int32]) -> None:
        row[: self.encoder.dim] = self.encoder.encode_ids(ids)
        row[self.encoder.dim :] = features(text, ids)


class Scaler:
    """Standardises rows column by column: ``clip((raw - mean) / scale)``.

    Args:
        mean: float32 [D].
        scale: float32 [D], all positive.

    Raises:
        ArtifactError: shapes differ, a value is not finite, or a scale is not positive.
    """

    def __init__(self, mean: NDArray[np.float32], scale: NDArray[np.float32]) -> None:
        if mean.ndim != 1 or mean.shape != scale.shape:
            raise ArtifactError(f"scaler: mean {mean.shape} and scale {scale.shape} must be rows of one width.")
        if not (np.all(np.isfinite(mean)) and np.all(np.isfinite(scale)) and np.all(scale > 0)):
            raise ArtifactError("scaler: every mean must be finite and every scale positive.")
        self.mean = mean.astype(np.float32)
        self.scale = scale.astype(np.float32)

    @classmethod
    def load(cls, path: Path) -> Scaler:
        """Read float32 [2, D] (mean, scale); raises ``ArtifactError`` naming the file."""
        table = read_finite(path, np.dtype(np.float32), 2)
        if len(table) != 2 or not np.all(table[1] > 0):
            raise ArtifactError(f"{path}: two rows are needed, means and positive scales, found shape {table.shape}.")
        return cls(table[0], table[1])

    def save(self, path: Path) -> None:
        """Write float32 [2, D]."""
        save_array(path, np.stack([self.mean, self.scale]))

    def apply(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """Standardise rows [N, D] or one row [D]."""
        standard: NDArray[np.float32] = (raw - self.mean) / self.scale
        np.minimum(standard, np.float32(CLIP), out=standard)
        np.maximum(standard, np.float32(-CLIP), out=standard)
        return standard
