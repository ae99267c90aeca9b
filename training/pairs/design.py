"""Pairs as a matrix: what their words tell, and how their tokens align."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.pairs import alignment, lexical
from training.pairs.alignment import alignment_features
from training.pairs.lexical import lexical_features
from training.pairs.readers import Reader
from training.pairs.records import RequestPair
from training.progress import progress

NAMES: tuple[str, ...] = (*lexical.NAMES, *alignment.NAMES)
"""Columns of :func:`design`."""


def design(pairs: Sequence[RequestPair], reader: Reader) -> NDArray[np.float32]:
    """Features float32 [N, len(NAMES)] of N pairs."""
    tokens = reader(sorted({text for pair in pairs for text in (pair.a, pair.b)}))
    rows = np.empty((len(pairs), len(NAMES)), np.float32)
    for row, pair in zip(rows, progress(pairs, label="features", unit="pairs"), strict=True):
        row[:] = lexical_features(pair.a, pair.b) + alignment_features(tokens[pair.a], tokens[pair.b])
    return rows
