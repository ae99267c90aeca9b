"""How well win rates hold for a pair that is known by its strengths alone, before and after the shift.

Strengths come from one half of the prompts, win rates are held against the outcomes of the other half. The constants
of the map come from other tables, so no pair had a say in them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.scoring.artifact import Artifact
from training.calibration_error import debiased_error
from training.encoding import raw_rows
from training.evaluate.bootstrap import interval
from training.records import Battle, Graded
from training.strengths.derive import grades_of
from training.strengths.rates import ELO_UNIT, TIE_MARGIN, base_rate
from training.strengths.shift import shift_to, shifted_calibrator

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

RESAMPLES = 500
FEWEST_ROWS = 100
"""Prompts in each half."""

WINS_AT_LEAST = 0.01
"""An expected share nearer to 0 or 1 gives no rating worth the name."""


@dataclass(frozen=True, slots=True)
class KnownPair:
    """One pair: expected base rate by its strengths; places [N] of held-out prompts, and wins [N] of the strong model.

    ``models``: those by whose choice the pair varies, for the bootstrap.
    """

    models: tuple[str, ...]
    rate: float
    places: IntArray
    wins: FloatArray


class Check(Struct, frozen=True, kw_only=True):
    """Mean debiased calibration errors over pairs, each with its 95 % interval over models: low, high.

    ``before`` has the artifact's own win rates, ``after`` the shifted ones; ``rate_alone`` is the error with the base
    rate for every prompt.
    """

    pairs: int
    before: float
    before_interval: tuple[float, float]
    after: float
    after_interval: tuple[float, float]
    rate_alone: float


def check(artifact: Artifact, prompts: Sequence[str], pairs: Sequence[KnownPair], *, seed: int = 0) -> Check:
    """Errors of ``artifact`` on pairs whose places point into ``prompts``."""
    chain = artifact.chain
    scores = chain.scores(raw_rows(chain.inputs, prompts))
    before, after, alone = [], [], []
    for pair in pairs:
        here = scores[pair.places]
        moved = shifted_calibrator(chain.calibrator, shift_to(artifact.curve, pair.rate))
        before.append(debiased_error(chain.calibrator.apply(here), pair.wins))
        after.append(debiased_error(moved.apply(here), pair.wins))
        alone.append(debiased_error(np.full(len(here), pair.rate), pair.wins))
    shares = _resampled(pairs, seed)
    return Check(
        pairs=len(pairs),
        before=round(float(np.mean(before)), 4),
        before_interval=_interval(shares, np.array(before)),
        after=round(float(np.mean(after)), 4),
        after_interval=_interval(shares, np.array(after)),
        rate_alone=round(float(np.mean(alone)), 4),
    )


def judged_pairs(
    battles: Sequence[Battle], baseline: str, *, tie_margin: float = TIE_MARGIN, seed: int = 0
) -> tuple[list[str], list[KnownPair]]:
    """Prompts, and every model that was judged against ``baseline`` on enough of them, rated by wins and half ties."""
    prompts = list(dict.fromkeys(battle.prompt for battle in battles))
    place = {prompt: number for number, prompt in enumerate(prompts)}
    rated = np.random.default_rng(seed).random(len(prompts)) < 0.5
    against: dict[str, list[Battle]] = defaultdict(list)
    for battle in battles:
        if battle.model_b == baseline and battle.winner != "both_bad":
            against[battle.model_a].append(battle)
    pairs = []
    for model, votes in sorted(against.items()):
        places = np.array([place[vote.prompt] for vote in votes], np.intp)
        won = np.array([vote.winner == "model_a" for vote in votes], np.float64)
        lost = np.array([vote.winner == "model_b" for vote in votes], np.float64)
        first, rest = rated[places], ~rated[places]
        if min(first.sum(), rest.sum()) < FEWEST_ROWS:
            continue
        expected = float((won[first] + 0.5 * (1.0 - won[first] - lost[first])).mean())
        rating = _rating(min(max(expected, WINS_AT_LEAST), 1.0 - WINS_AT_LEAST))
        wins = won if rating > 0 else lost
        rate = base_rate(0.0, abs(rating), "elo", tie_margin=tie_margin)
        pairs.append(KnownPair((model,), rate, places[rest], wins[rest]))
    return prompts, pairs


def graded_pairs(rows: Sequence[Graded], *, seed: int = 0) -> tuple[list[str], list[KnownPair]]:
    """Prompts of a right/wrong table, and all pairs of its models that shared enough of them."""
    models, grades = grades_of(rows)
    rated = np.random.default_rng(seed).random(len(rows)) < 0.5
    pairs = []
    for first, second in combinations(range(len(models)), 2):
        shared = np.isfinite(grades[:, first]) & np.isfinite(grades[:, second])
        known, rest = shared & rated, np.flatnonzero(shared & ~rated)
        if min(int(known.sum()), len(rest)) < FEWEST_ROWS:
            continue
        weak, strong = sorted((first, second), key=lambda model: float(grades[known, model].mean()))
        rate = base_rate(float(grades[known, weak].mean()), float(grades[known, strong].mean()), "accuracy")
        wins = (grades[rest, strong] > grades[rest, weak]).astype(np.float64)
        pairs.append(KnownPair((models[weak], models[strong]), rate, rest, wins))
    return [row.prompt for row in rows], pairs


def _rating(expected: float) -> float:
    return float(np.log(expected / (1.0 - expected))) / ELO_UNIT


def _resampled(pairs: Sequence[KnownPair], seed: int) -> FloatArray:
    """How much each pair counts when the models are drawn anew with replacement, float64 [RESAMPLES, pairs]."""
    models = sorted({model for pair in pairs for model in pair.models})
    counts = np.random.default_rng(seed).multinomial(len(models), np.full(len(models), 1 / len(models)), RESAMPLES)
    place = {model: number for number, model in enumerate(models)}
    drawn = [np.prod([counts[:, place[model]] for model in pair.models], axis=0) for pair in pairs]
    return np.stack(drawn, axis=1).astype(np.float64)


def _interval(counts: FloatArray, errors: FloatArray) -> tuple[float, float]:
    means = counts @ errors / np.maximum(counts.sum(axis=1), 1.0)
    low, high = interval(means)
    return round(low, 4), round(high, 4)
