"""What the shipped thresholds rest on: the scores that traps got from fits that knew neither them nor their groups."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from router.scoring.verifier.evidence import Evidence, most_wrong
from training.pairs.folds import Fold
from training.pairs.records import RequestPair
from training.pairs.turns import NEVER

LOOSEST = 0.1
"""Largest share of wrong answers for which the tail still holds the threshold."""

NEAR = 0.7
"""Dice's coefficient on sets of words from which a trap counts as a small edit."""


def evidence_of(
    scores: NDArray[np.float64], pairs: Sequence[RequestPair], dealt: Sequence[Fold]
) -> dict[str, Evidence]:
    """By kind of traps what was seen of them; a threshold must hold for every kind.

    Conversations that are never served, whatever their texts say, count in none.

    Args:
        scores: float64 [N], of each pair by a fit that did not know it; NaN where there is none.
        pairs: the N pairs.
        dealt: the folds that the scores come from.
    """
    unseen = np.zeros(len(pairs), bool)
    for fold in dealt:
        unseen[[place for place in fold.test if pairs[place].family in fold.unseen]] = True
    trap = np.array([not pair.same_answer for pair in pairs]) & ~np.isnan(scores) & (scores > NEVER)
    source = np.array([pair.source for pair in pairs])
    small = np.array([pair.source == "questions" and _dice(pair.a, pair.b) >= NEAR for pair in pairs])
    kinds = {
        "questions": trap & (source == "questions"),
        "conversations": trap & (source == "conversations"),
        "kinds that the fit never saw": trap & unseen,
        "small edits": trap & small,
    }
    return {kind: _tail(scores[chosen]) for kind, chosen in kinds.items() if chosen.any()}


def _tail(traps: NDArray[np.float64]) -> Evidence:
    kept = most_wrong(len(traps), LOOSEST) + 1
    return Evidence(traps=len(traps), tail=[_up(float(score)) for score in np.sort(traps)[::-1][: max(1, kept)]])


def _up(score: float) -> float:
    """Rounded up: a threshold above what is told must lie above what was scored."""
    return math.ceil(score * 1e4) / 1e4


def _dice(first: str, second: str) -> float:
    a, b = set(first.lower().split()), set(second.lower().split())
    return 2 * len(a & b) / max(1, len(a) + len(b))
