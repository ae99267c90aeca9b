"""A verifier's scores as figures, by source and, for traps of kinds that its fit never saw, apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from training.pairs.folds import Fold
from training.pairs.measure import BUDGETS, Same, Scores, Served, best_served, bounded_threshold, served_from
from training.pairs.records import SOURCES, RequestPair, Source

OWN_THRESHOLD: dict[Source, Source] = {
    "questions": "questions",
    "conversations": "conversations",
    "qqp": "questions",
}
"""On which source's other folds a threshold is chosen: Quora's pairs are served at that of our questions."""


class Figures(Struct, frozen=True, kw_only=True):
    """What one contender does on one source.

    ``auc``: area under the ROC curve. ``best``: the most served at each of ``BUDGETS``, by a threshold that knows the
    labels; ``best_unseen`` the same where only traps of unseen families count. ``bounded``: at thresholds that are
    chosen on the other folds for ``BUDGETS[0]``; None where there are none, or none is low enough.
    """

    contender: str
    source: Source
    auc: float
    best: list[Served]
    best_unseen: list[Served]
    bounded: Served | None
    bounded_unseen: Served | None


def figures(name: str, scores: Scores, pairs: Sequence[RequestPair], dealt: Sequence[Fold]) -> list[Figures]:
    """Figures of each source.

    Args:
        name: of the contender.
        scores: float64 [N], of each pair by a fit that did not know it; NaN where none was made.
        pairs: the N pairs.
        dealt: the folds that the scores come from.
    """
    same = np.array([pair.same_answer for pair in pairs])
    unseen = _unseen_places(pairs, dealt)
    found = []
    for source in SOURCES:
        there = np.array([pair.source == source for pair in pairs]) & ~np.isnan(scores)
        if same[there].any() and not same[there].all():
            found.append(_of_source(name, source, scores, same, there, unseen, pairs, dealt))
    return found


def _of_source(
    name: str,
    source: Source,
    scores: Scores,
    same: Same,
    there: NDArray[np.bool_],
    unseen: NDArray[np.bool_],
    pairs: Sequence[RequestPair],
    dealt: Sequence[Fold],
) -> Figures:
    apart = there & unseen
    thresholds = _thresholds(source, scores, same, pairs, dealt)
    return Figures(
        contender=name,
        source=source,
        auc=_auc(scores[there], same[there]),
        best=[best_served(scores[there], same[there], budget) for budget in BUDGETS],
        best_unseen=[best_served(scores[apart], same[apart], budget) for budget in BUDGETS],
        bounded=_at(thresholds, there, scores, same, dealt),
        bounded_unseen=_at(thresholds, apart, scores, same, dealt),
    )


def _unseen_places(pairs: Sequence[RequestPair], dealt: Sequence[Fold]) -> NDArray[np.bool_]:
    """Rewordings, and traps of families that the fit of their fold never saw."""
    unseen = np.zeros(len(pairs), bool)
    for fold in dealt:
        for place in fold.test:
            unseen[place] = pairs[place].same_answer or pairs[place].family in fold.unseen
    return unseen


def _thresholds(
    source: Source, scores: Scores, same: Same, pairs: Sequence[RequestPair], dealt: Sequence[Fold]
) -> dict[int, float]:
    """For each fold a threshold by the traps of all other folds."""
    judged_by = OWN_THRESHOLD[source]
    places = {
        fold.number: [place for place in fold.test if pairs[place].source == judged_by and not np.isnan(scores[place])]
        for fold in dealt
    }
    found = {}
    for number in places:
        others = [place for other, there in places.items() if other != number for place in there]
        if others:
            found[number] = bounded_threshold(scores[others], same[others], BUDGETS[0])
    return found


def _at(
    thresholds: dict[int, float], there: NDArray[np.bool_], scores: Scores, same: Same, dealt: Sequence[Fold]
) -> Served | None:
    total = None
    for fold in dealt:
        places = [place for place in fold.test if there[place]]
        if places and fold.number in thresholds:
            served = served_from(scores[places], same[places], thresholds[fold.number])
            total = served if total is None else total + served
    return total


def _auc(scores: Scores, same: Same) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(same, scores))
