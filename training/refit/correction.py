"""Fitting the correction: how far to trust the prior's score, and what the labels add to it.

Prediction of the gain = mean + trust * (prior's score) + correction. The trust is the mean of a normal posterior around
a small positive value. The correction is Bayesian ridge regression of what is left: how large it may be is not chosen
but averaged over, each size by how likely it makes the labels, and "no correction" is one of the sizes. So with few
labels, or with labels that say nothing new, prompts rank as the prior ranks them, and no choice can go wrong by luck.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

PENALTIES = (3000.0, 1000.0, 300.0, 100.0, 30.0, 10.0, 3.0)
"""In units of the kernel's variance: so many labels outweigh the prior belief that there is no correction. Before any
label each of them, and none at all, is thought equally likely."""

EXPECTED_CORRELATION = 0.1
"""Of the prior's score with the gain, before any label."""

EXPECTATION_WORTH = 100.0
"""Labels that this expectation is worth."""

LEAST_TRUST = 0.02
"""The prior is never turned round, nor quite forgotten: where the labels say nothing else, it ranks."""


@dataclass(frozen=True, slots=True)
class Task:
    """N labelled prompts: the prior's score [N], basis columns [N, B] (``basis.py``), gain [N]."""

    prior: FloatArray
    basis: FloatArray
    gain: FloatArray


@dataclass(frozen=True, slots=True)
class Correction:
    """``intercept + trust * prior + basis @ slopes``.

    ``belief``, 0..1: how likely it is, by the labels, that any correction is called for; the slopes have it in them.
    """

    intercept: float
    trust: float
    slopes: FloatArray
    belief: float


def fit_correction(task: Task) -> Correction:
    """The posterior mean over all sizes of correction."""
    trust = fit_trust(task.prior, task.gain)
    rest = task.gain - trust * task.prior
    centre = task.basis.mean(axis=0)
    centred, left = task.basis - centre, rest - rest.mean()
    values, vectors = np.linalg.eigh(centred.T @ centred)
    values = np.maximum(values, 0.0)
    moments = vectors.T @ (centred.T @ left)
    weights = _posterior(values, moments, left)
    along = sum(weight * moments / (values + penalty) for weight, penalty in zip(weights[1:], PENALTIES, strict=True))
    slopes: FloatArray = vectors @ along
    return Correction(float(rest.mean() - centre @ slopes), trust, slopes, float(1.0 - weights[0]))


def fit_trust(prior: FloatArray, gain: FloatArray) -> float:
    """Gain for one unit of the prior's score: the posterior mean, and never less than ``LEAST_TRUST`` of the spread."""
    spread = float(prior.std()) or 1.0
    scores, noise = (prior - prior.mean()) / spread, float(gain.std())
    agreement = float(scores @ (gain - gain.mean()))
    slope = (EXPECTATION_WORTH * EXPECTED_CORRELATION * noise + agreement) / (EXPECTATION_WORTH + len(gain))
    return max(slope, LEAST_TRUST * noise) / spread


def _posterior(values: FloatArray, moments: FloatArray, left: FloatArray) -> FloatArray:
    """How likely no correction and each penalty are, float64 [1 + penalties], summing to 1.

    By the marginal likelihood of ``left`` [N] under noise of unknown variance; ``values`` and ``moments`` are the
    eigenvalues of the basis's products and its products with ``left`` along their vectors.
    """
    n, total = len(left), float(left @ left)
    logs = [0.0]
    for penalty in PENALTIES:
        explained = float((moments**2 / (values + penalty)).sum())
        unexplained = max(1.0 - explained / total, np.finfo(np.float64).tiny) if total > 0 else 1.0
        logs.append(-0.5 * float(np.log1p(values / penalty).sum()) - 0.5 * n * float(np.log(unexplained)))
    likelihood = np.exp(np.array(logs) - max(logs))
    weights: FloatArray = likelihood / likelihood.sum()
    return weights
