"""Where the heavy parts of a run are done, encoding prompts and growing trees: in this process, or on a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from router.scoring.encoder import StaticEncoder
from router.scoring.inputs import Inputs
from training.encoding import EncodedHere, Encoding
from training.fit.design import FloatArray, Matrix
from training.fit.trees import boosted


class Workplace(Protocol):
    """Does the heavy parts; what it gives does not tell where that was, but for the last bits of trees."""

    def encoding(self, encoder: StaticEncoder, folder: Path) -> Encoding:
        """Make ready to encode with ``encoder``, whose files lie in ``folder``."""

    def boost(self, rows: Matrix, target: FloatArray, weight: FloatArray, seed: int) -> dict[str, Any]:
        """Grow a forest, as ``training.fit.trees.Boost`` says."""


class Here:
    """This process."""

    def encoding(self, encoder: StaticEncoder, folder: Path) -> Encoding:
        """The encoder as it is."""
        return EncodedHere(Inputs(encoder))

    def boost(self, rows: Matrix, target: FloatArray, weight: FloatArray, seed: int) -> dict[str, Any]:
        """On one thread, so that the same input gives the same bytes."""
        return boosted(rows, target, weight, seed)
