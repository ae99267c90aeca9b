"""Scores of fits that take long, kept in a folder, so that a comparison that was cut off goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from router.errors import DataError
from training.pairs.folds import Fold
from training.pairs.records import RequestPair

Matrix = NDArray[np.float64]


def kept_or_made(
    folder: Path | None, fold: Fold, pairs: Sequence[RequestPair], seed: int, make: Callable[[], Matrix]
) -> Matrix:
    """What ``make`` gives for the fold's test pairs, float64 [len(fold.test), D]; read where it was kept, else made.

    Raises:
        DataError: the folder cannot be written to, or what it holds cannot be read.
    """
    if folder is None:
        return make()
    path = folder / f"fold-{fold.number}-{_digest(fold, pairs, seed)}.npy"
    try:
        if path.is_file():
            kept: Matrix = np.load(path, allow_pickle=False)
            return kept
        folder.mkdir(parents=True, exist_ok=True)
        made = make()
        np.save(path, made)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: scores cannot be kept there ({error}); name another folder or remove it") from error
    return made


def _digest(fold: Fold, pairs: Sequence[RequestPair], seed: int) -> str:
    """Changes with the seed and with any pair that is fitted on or scored."""
    told = [[pairs[place] for place in places] for places in (fold.train, fold.test)]
    return blake2b(msgspec.json.encode([seed, told]), digest_size=8).hexdigest()
