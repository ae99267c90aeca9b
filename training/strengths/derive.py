"""The two constants of ``rates.py``, from tables whose licences let what was learned from them ship."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from training.bradley_terry import RIDGE
from training.records import Battle, Graded
from training.strengths.shift import sigmoid

FloatArray = NDArray[np.float64]

FEWEST_ROWS = 100
"""Prompts that both models of a pair answered, for their overlap to count."""

LEAST_ROOM = 0.02
"""Between independent and nested successes; with less the overlap is all noise."""

START_MARGIN = 0.5
LEAST_CHANCE = 1e-12


def fit_tie_margin(battles: Sequence[Battle]) -> float:
    """The margin t of Rao and Kupper's model with a strength for each model, by penalised maximum likelihood.

    Votes that call both answers bad are left out, as they are of calibration.
    """
    from scipy.optimize import minimize

    votes = [battle for battle in battles if battle.winner != "both_bad"]
    place = {model: number for number, model in enumerate(sorted({m for v in votes for m in (v.model_a, v.model_b)}))}
    a = np.array([place[vote.model_a] for vote in votes])
    b = np.array([place[vote.model_b] for vote in votes])
    outcome = np.array([("model_a", "model_b", "tie").index(vote.winner) for vote in votes])

    def loss(values: FloatArray) -> float:
        strengths, margin = values[:-1], float(np.exp(values[-1]))
        gap = strengths[a] - strengths[b]
        wins, losses = sigmoid(gap - margin), sigmoid(-gap - margin)
        chance = np.choose(outcome, [wins, losses, 1.0 - wins - losses])
        return float(-np.log(np.maximum(chance, LEAST_CHANCE)).sum() + 0.5 * RIDGE * strengths @ strengths)

    found = minimize(loss, np.append(np.zeros(len(place)), np.log(START_MARGIN)), method="L-BFGS-B")
    return float(np.exp(found.x[-1]))


def fit_overlap(graded: Sequence[Graded]) -> float:
    """Mean over tables of the mean over a table's pairs of models of how much their successes go together."""
    tables: dict[tuple[str, str], list[Graded]] = defaultdict(list)
    for row in graded:
        tables[row.source, row.task].append(row)
    means = [fmean(found) for rows in tables.values() if (found := _overlaps(rows))]
    return fmean(means)


def grades_of(rows: Sequence[Graded]) -> tuple[list[str], FloatArray]:
    """Models in alphabetical order, and their grades float64 [N, M]; NaN where a model did not answer."""
    models = sorted({model for row in rows for model in row.scores})
    grades = np.array([[row.scores.get(model, np.nan) for model in models] for row in rows], np.float64)
    return models, grades


def _overlaps(rows: Sequence[Graded]) -> list[float]:
    models, grades = grades_of(rows)
    found = []
    for first, second in combinations(range(len(models)), 2):
        shared = np.isfinite(grades[:, first]) & np.isfinite(grades[:, second])
        if shared.sum() < FEWEST_ROWS:
            continue
        one, other = grades[shared, first], grades[shared, second]
        independent = float(one.mean() * other.mean())
        room = min(float(one.mean()), float(other.mean())) - independent
        if room >= LEAST_ROOM:
            found.append((float((one * other).mean()) - independent) / room)
    return found
