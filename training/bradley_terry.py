"""How strong each model is, from battles alone: the Bradley-Terry model, by penalised maximum likelihood."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from training.records import Battle

FloatArray = NDArray[np.float64]

RIDGE = 2.0
"""Strength of the pull towards the mean: a model that never lost stays finite, and one or two wins alone do not make a
model clearly stronger than an average one."""

MAX_STEPS = 100
TOLERANCE = 1e-10


def fit_strengths(battles: Iterable[Battle], *, ridge: float = RIDGE) -> dict[str, float]:
    """Fit one strength for each model, so that P(a beats b) = sigmoid(strength[a] - strength[b]).

    A tie of either kind is half a win for both; a win counts by its degree.

    Args:
        battles: the battles; the order does not matter.
        ridge: weight of the squared strengths in the loss.

    Returns:
        model -> strength in log-odds, with mean 0; models in alphabetical order.
    """
    battles = list(battles)
    models = sorted({model for battle in battles for model in (battle.model_a, battle.model_b)})
    if not models:
        return {}
    strengths = _newton(_wins(battles, models), ridge)
    return dict(zip(models, (strengths - strengths.mean()).tolist(), strict=True))


def win_share(battle: Battle) -> float:
    """What model_a got out of a battle, 0..1: 1 a clear win, one half a tie of either kind."""
    if battle.winner == "model_a":
        return 0.5 + 0.5 * battle.degree
    if battle.winner == "model_b":
        return 0.5 - 0.5 * battle.degree
    return 0.5


def _wins(battles: Sequence[Battle], models: Sequence[str]) -> FloatArray:
    """How often each model beat each other one, float64[M, M]."""
    place = {model: number for number, model in enumerate(models)}
    wins = np.zeros((len(models), len(models)))
    for battle in battles:
        a, b, share = place[battle.model_a], place[battle.model_b], win_share(battle)
        wins[a, b] += share
        wins[b, a] += 1.0 - share
    return wins


def _newton(wins: FloatArray, ridge: float) -> FloatArray:
    """Minimise the penalised negative log-likelihood, which is convex, by Newton's method; float64[M]."""
    games = wins + wins.T
    strengths = np.zeros(len(wins))
    for _ in range(MAX_STEPS):
        expected = 1.0 / (1.0 + np.exp(strengths[None, :] - strengths[:, None]))
        gradient = (games * expected - wins).sum(axis=1) + ridge * strengths
        weights = games * expected * (1.0 - expected)
        hessian = np.diag(weights.sum(axis=1) + ridge) - weights
        step = np.linalg.solve(hessian, gradient)
        # Far from the optimum the quadratic picture overshoots; half a unit of log-odds is always safe.
        strengths -= np.clip(step, -0.5, 0.5)
        if np.abs(step).max() < TOLERANCE:
            break
    return strengths
