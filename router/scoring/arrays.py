"""Reading and writing the artifact's arrays: `.npy` only, mapped, never unpickled, checked before they are trusted."""

from __future__ import annotations

import tokenize
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.errors import ArtifactError

REMEDY = "fetch the artifact again, or refit it with train-router."


def read_array(path: Path, dtype: np.dtype[Any], dimensions: int) -> NDArray[Any]:
    """Map an array from disk.

    Mapping also guards memory: a header that promises more than the file holds is refused before anything is allocated.

    Args:
        path: a `.npy` file.
        dtype: what it must hold.
        dimensions: how many axes it must have.

    Raises:
        ArtifactError: missing, damaged, or of another dtype or shape; the message names the file and the remedy.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise ArtifactError(f"{path}: missing; {REMEDY}") from error
    except (OSError, ValueError, SyntaxError, OverflowError, EOFError, tokenize.TokenError) as error:
        raise ArtifactError(f"{path}: not a readable array ({error}); {REMEDY}") from error
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != dimensions:
        found = f"{array.dtype}, {array.ndim} axes" if isinstance(array, np.ndarray) else "an archive"
        raise ArtifactError(f"{path}: {dtype} with {dimensions} axes is due, found {found}; {REMEDY}")
    return array.view(np.ndarray)  # still mapped, without the cost of the memmap class on every look-up


def read_finite(path: Path, dtype: np.dtype[Any], dimensions: int) -> NDArray[Any]:
    """Read a small float array into memory; raises ``ArtifactError`` as ``read_array``, and for NaN or infinity."""
    array = np.array(read_array(path, dtype, dimensions))
    if not np.all(np.isfinite(array)):
        raise ArtifactError(f"{path}: holds NaN or infinite values; {REMEDY}")
    return array


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Write a `.npy` file: C order, no pickle, the same bytes for the same values.

    An old file is removed, not overwritten: whoever has it mapped goes on reading what it held.
    """
    path.unlink(missing_ok=True)
    np.save(path, np.ascontiguousarray(array), allow_pickle=False)
