"""From score to win rate, on prompts that the fit has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.errors import DataError
from router.scoring.calibration import Calibrator
from training.records import Labelled
from training.threads import one_thread

FloatArray = NDArray[np.float64]

FEWEST_ROWS = 20
FEWEST_VOTES = 200
"""About how many votes leave ``FEWEST_ROWS`` for calibration: a fifth is set aside, and not every vote is decided."""

ENOUGH_VOTES = 40
"""From so many decided votes on, votes alone calibrate: how often a grade is strictly better depends on the exam."""

PRIOR_SLOPE = 0.2
"""What one step of score adds to the log-odds before any data, from cross-validation over the 2023 votes."""

PRIOR_STRENGTH = 16.0
"""How much the prior weighs, as the inverse of its variance: about 64 evenly split votes. A slice holds few votes, and
on few votes a slope can come out as anything."""

LEAST_SLOPE = 0.02
"""The map must rise, so that win rates rank as scores do, even where this slice shows no signal."""

NEWTON_STEPS = 50
LEAST_CURVATURE = 1e-3
"""Keeps the intercept finite where every prompt has one outcome."""

SURE = 1e-9
"""No loss is infinite: chances nearer to 0 or 1 than this count as this far."""

DECIMALS = 10


class Calibration(Struct, frozen=True, kw_only=True):
    """A calibrator and how it did on the slice it was fitted on.

    ``family``: what kind of prompt calibrated it, ``chat``, ``exam`` or ``all``. ``log_loss`` is to be read against
    ``prior_log_loss``, that of the best constant.
    """

    calibrator: Calibrator
    family: str
    n: int
    base_rate: float
    log_loss: float
    prior_log_loss: float

    def figures(self) -> dict[str, Any]:
        """What goes into the manifest."""
        return {
            "family": self.family,
            "n": self.n,
            "base_rate": round(self.base_rate, 6),
            "log_loss": round(self.log_loss, 6),
            "prior_log_loss": round(self.prior_log_loss, 6),
        }


def calibrate(scores: FloatArray, labelled: Sequence[Labelled]) -> Calibration:
    """Fit P(strong strictly better) as a sigmoid of the score.

    Args:
        scores: float64 [N], of the scorer that will be served, spread about 1.
        labelled: the N prompts, none of which the fit has seen.

    Raises:
        DataError: too few prompts say whether the strong model was better.
    """
    known = decided(labelled)
    if len(known) < FEWEST_ROWS:
        raise DataError(
            f"only {len(known)} prompts of the calibration slice say whether the stronger model was better, at least "
            f"{FEWEST_ROWS} are needed (about {FEWEST_VOTES} votes in all); give more battles between models of "
            "clearly different strength"
        )
    wins = np.array([labelled[place].strong_wins for place in known], np.float64)
    with one_thread():
        slope, intercept = _platt(scores[known], wins)
    calibrator = Calibrator.platt(round(slope, DECIMALS), round(intercept, DECIMALS))
    base_rate = float(wins.mean())
    return Calibration(
        calibrator=calibrator,
        family=labelled[known[0]].family if len({labelled[place].family for place in known}) == 1 else "all",
        n=len(known),
        base_rate=base_rate,
        log_loss=log_loss(calibrator.apply(scores[known]), wins),
        prior_log_loss=log_loss(np.full(len(known), base_rate), wins),
    )


def decided(labelled: Sequence[Labelled]) -> list[int]:
    """Places of prompts that say whether the strong model is strictly better: votes alone where there are enough."""
    known = [place for place, row in enumerate(labelled) if row.strong_wins is not None]
    votes = [place for place in known if labelled[place].family == "chat"]
    return votes if len(votes) >= ENOUGH_VOTES else known


def log_loss(win_rates: FloatArray, wins: FloatArray) -> float:
    """Mean negative logarithm of the chance, 0..1, that was given to what happened; both float64 [N]."""
    bounded = np.clip(win_rates, SURE, 1.0 - SURE)
    return -float((wins * np.log(bounded) + (1.0 - wins) * np.log1p(-bounded)).mean())


def _platt(scores: FloatArray, wins: FloatArray) -> tuple[float, float]:
    """Slope and intercept of most posterior probability, by Newton's method; the slope's prior is normal."""
    columns = np.stack([scores, np.ones(len(scores))], axis=1)
    strength = np.array([PRIOR_STRENGTH, LEAST_CURVATURE])
    centre = np.array([PRIOR_SLOPE, 0.0])
    solution = centre.copy()
    for _ in range(NEWTON_STEPS):
        chance = 1.0 / (1.0 + np.exp(-columns @ solution))
        gradient = columns.T @ (wins - chance) - strength * (solution - centre)
        curvature = (columns.T * (chance * (1.0 - chance))) @ columns + np.diag(strength)
        solution = solution + np.linalg.solve(curvature, gradient)
    return max(float(solution[0]), LEAST_SLOPE), float(solution[1])
