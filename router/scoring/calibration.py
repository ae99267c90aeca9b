"""From score to win rate: a strictly increasing map, so that calibrating never changes which prompt ranks higher.

A step function (isotonic regression) would give many prompts one win rate, and a threshold on it would move them
all at once. This one is piecewise linear in log-odds; Platt's sigmoid is its case of one straight piece.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.errors import ArtifactError

_MOST_LOGIT = 30.0
"""Log-odds are cut here: further out a float cannot tell the probability from 0 or 1."""


class Calibrator:
    """Score to win rate.

    Args:
        scores: knots, strictly increasing, at least two.
        logits: log-odds of the win rate at each knot, strictly increasing. Beyond the ends the last slopes go on.

    Raises:
        ArtifactError: knots that are not finite, too few or not strictly increasing.
    """

    def __init__(self, scores: NDArray[np.float64], logits: NDArray[np.float64]) -> None:
        if scores.ndim != 1 or scores.shape != logits.shape or len(scores) < 2:
            raise ArtifactError("calibration: at least two knots are needed, with as many logits as scores.")
        if not (_increases(scores) and _increases(logits)):
            raise ArtifactError("calibration: scores and logits must be finite and strictly increasing.")
        self.scores = scores.astype(np.float64)
        self.logits = logits.astype(np.float64)
        self._slopes = np.diff(self.logits) / np.diff(self.scores)

    @classmethod
    def platt(cls, slope: float, intercept: float) -> Calibrator:
        """``sigmoid(slope * score + intercept)``, slope > 0."""
        scores = np.array([0.0, 1.0])
        return cls(scores, slope * scores + intercept)

    def apply(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        """Win rates in (0, 1), float64, of scores of any shape."""
        piece = np.searchsorted(self.scores[1:-1], score, side="right")
        logit = self.logits[piece] + (score - self.scores[piece]) * self._slopes[piece]
        bounded = np.minimum(np.maximum(logit, -_MOST_LOGIT), _MOST_LOGIT)
        win_rate: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-bounded))
        return win_rate

    def to_dict(self) -> dict[str, list[float]]:
        """The knots, for the manifest."""
        return {"scores": self.scores.tolist(), "logits": self.logits.tolist()}

    @classmethod
    def from_dict(cls, knots: dict[str, Any]) -> Calibrator:
        """The reverse of ``to_dict``; raises ``ArtifactError`` for anything else."""
        try:
            return cls(np.array(knots["scores"], np.float64), np.array(knots["logits"], np.float64))
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError("calibration: lists of numbers 'scores' and 'logits' are needed.") from error


def _increases(values: NDArray[np.float64]) -> bool:
    return bool(np.all(np.isfinite(values)) and np.all(np.diff(values) > 0))
