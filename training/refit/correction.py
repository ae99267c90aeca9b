"""Fitting the correction: how far to trust the prior's score, and what the labels add to it.

Prediction of the gain = mean + trust * (prior's score, standardised) + correction. The trust is the mean of a normal
posterior around a small positive value. The correction is ridge regression of what is left, its penalty chosen by
cross-validation over the labels: the most cautious one that is not clearly worse than the best, and no correction at
all is among the choices. With few labels prompts rank as the prior ranks them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

PENALTIES = (1000.0, 300.0, 100.0, 30.0, 10.0, 3.0)
"""In units of the kernel's variance: so many labels outweigh the prior belief that there is no correction."""

EXPECTED_CORRELATION = 0.1
"""Of the prior's score with the gain, before any label."""

EXPECTATION_WORTH = 100.0
"""Labels that this expectation is worth."""

LEAST_TRUST = 0.02
"""The prior is never turned round, nor quite forgotten: where the labels say nothing else, it ranks."""

CLEARLY = 0.5
"""Worse by so many standard errors of the paired difference, after the one-standard-error rule of cross-validation."""

FEWEST_LABELS = 100
"""With fewer the choice of a penalty is a coin toss, so the prior ranks alone."""

FOLDS = 5


@dataclass(frozen=True, slots=True)
class Task:
    """N labelled prompts: the prior's score [N], basis columns [N, B] (``basis.py``), gain [N], fold [N]."""

    prior: FloatArray
    basis: FloatArray
    gain: FloatArray
    fold: IntArray

    def only(self, mask: NDArray[np.bool_]) -> Task:
        """The prompts where ``mask`` [N] holds."""
        return Task(self.prior[mask], self.basis[mask], self.gain[mask], self.fold[mask])


@dataclass(frozen=True, slots=True)
class Correction:
    """``intercept + trust * prior + basis @ slopes``; ``penalty`` is None where there is no correction."""

    intercept: float
    trust: float
    slopes: FloatArray
    penalty: float | None

    def predict(self, task: Task) -> FloatArray:
        """Predicted gains float64 [N]."""
        return self.intercept + self.trust * task.prior + task.basis @ self.slopes


def fit_correction(task: Task) -> Correction:
    """Fit on all of ``task``, with the penalty that its own folds choose."""
    chosen = _choose(task) if len(task.gain) >= FEWEST_LABELS else None
    return next(fit for fit in _path(task, [chosen]) if fit.penalty == chosen)


def cross_fitted(task: Task) -> FloatArray:
    """Predictions float64 [N], each by a correction whose labels and penalty come from the other folds."""
    predictions = np.empty(len(task.gain))
    for fold in np.unique(task.fold):
        here = task.fold == fold
        predictions[here] = fit_correction(task.only(~here)).predict(task.only(here))
    return predictions


def _choose(task: Task) -> float | None:
    """The most cautious choice, none or a high penalty first, that is not clearly worse than the best one."""
    errors: dict[float | None, FloatArray] = {}
    for fold in np.unique(task.fold):
        here = task.fold == fold
        held_out = task.only(here)
        for fit in _path(task.only(~here), PENALTIES):
            errors.setdefault(fit.penalty, np.empty(len(task.gain)))[here] = (
                held_out.gain - fit.predict(held_out)
            ) ** 2
    best = errors[min(errors, key=lambda penalty: float(errors[penalty].mean()))]
    return next(penalty for penalty, found in errors.items() if not _clearly_above(found, best))


def _clearly_above(errors: FloatArray, best: FloatArray) -> bool:
    lost = errors - best
    return float(lost.mean()) > CLEARLY * float(lost.std()) / float(np.sqrt(len(lost)))


def _path(task: Task, penalties: Sequence[float | None]) -> list[Correction]:
    """The prior alone, then one fit for each penalty."""
    mean, spread = float(task.prior.mean()), float(task.prior.std()) or 1.0
    trust = _trust((task.prior - mean) / spread, task.gain) / spread
    rest = task.gain - trust * task.prior
    nothing = np.zeros(task.basis.shape[1])
    fits = [Correction(float(rest.mean()), trust, nothing, None)]
    wanted = [penalty for penalty in penalties if penalty is not None]
    if not wanted:
        return fits
    centre = task.basis.mean(axis=0)
    centred = task.basis - centre
    values, vectors = np.linalg.eigh(centred.T @ centred)
    moments = vectors.T @ (centred.T @ (rest - rest.mean()))
    for penalty in wanted:
        slopes = vectors @ (moments / (np.maximum(values, 0.0) + penalty))
        fits.append(Correction(float(rest.mean() - centre @ slopes), trust, slopes, penalty))
    return fits


def _trust(prior: FloatArray, gain: FloatArray) -> float:
    """Slope on the standardised prior [N]: the posterior mean, and never less than ``LEAST_TRUST``."""
    spread = float(gain.std())
    agreement = float(prior @ (gain - gain.mean()))
    slope = (EXPECTATION_WORTH * EXPECTED_CORRELATION * spread + agreement) / (EXPECTATION_WORTH + len(gain))
    return max(slope, LEAST_TRUST * spread)
