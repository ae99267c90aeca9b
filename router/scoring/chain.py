"""The whole way from text to win rate as one object, so that what was calibrated and measured is what is served."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from router.errors import ArtifactError
from router.scoring.calibration import Calibrator
from router.scoring.classifier import Blend
from router.scoring.encoder import StaticEncoder
from router.scoring.inputs import Inputs, Scaler


class Chain:
    """Inputs -> scaler -> blend -> calibrator.

    Args:
        encoder: text to embedding.
        scaler: for rows of ``encoder.dim + F`` columns.
        blend: heads over the same columns.
        calibrator: score to win rate.

    Raises:
        ArtifactError: the parts read rows of different widths.
    """

    def __init__(self, encoder: StaticEncoder, scaler: Scaler, blend: Blend, calibrator: Calibrator) -> None:
        self.inputs = Inputs(encoder)
        self.scaler = scaler
        self.blend = blend
        self.calibrator = calibrator
        if not self.inputs.width == len(scaler.mean) == blend.width:
            raise ArtifactError(
                f"artifact: encoder and features give {self.inputs.width} columns, the scaler reads "
                f"{len(scaler.mean)}, the heads {blend.width}; refit the artifact."
            )

    def scores(self, raw: NDArray[np.float32]) -> NDArray[np.float64]:
        """Scores float64 [N] of raw rows float32 [N, D] (``inputs.raw``)."""
        return self.blend.predict(self.scaler.apply(raw))

    def run(self, texts: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Scores and win rates, float64 [N] each, of N texts."""
        scores = self.scores(self.inputs.raw(texts))
        return scores, self.calibrator.apply(scores)
