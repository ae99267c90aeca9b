"""What a threshold decides about each row: prompts unlike all training go where the operator says, at any win rate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from router.scoring.scorer import Scorer
from router.scoring.shares import WIN_RATE_OF, is_unfamiliar
from router.types import WhenUnfamiliar
from training.progress import progress

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def scored(scorer: Scorer, prompts: Sequence[str]) -> tuple[FloatArray, BoolArray]:
    """Win rates float64 [N] of N prompts, and which of them are unfamiliar [N], with a bar where it takes long."""
    scores = [scorer.score(prompt) for prompt in progress(prompts, label="scoring", unit="prompts")]
    win_rates = np.array([score.win_rate for score in scores], np.float64)
    return win_rates, np.array([is_unfamiliar(score.unfamiliarity) for score in scores], np.bool_)


def effective(win_rates: FloatArray, unfamiliar: BoolArray, when_unfamiliar: WhenUnfamiliar) -> FloatArray:
    """Win rates [N] as thresholds see them: at an end where the prompt is unfamiliar and goes there anyhow."""
    if when_unfamiliar == "win-rate":
        return win_rates
    return np.where(unfamiliar, WIN_RATE_OF[when_unfamiliar], win_rates)
