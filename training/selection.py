"""Comparing classifiers on the training sources alone: how well does each rank what it has not seen?

Exams are held out one source at a time, since a new kind of question is what a router meets. Votes come from few
sources, so they are held out in folds of prompt groups. Both are ranked against the target; votes also against who
won. No benchmark is read here, which is what makes it fair to report one afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.scoring.classifier import Blend
from training.fit.design import Design, fit_scaler
from training.progress import progress
from training.records import Family, Labelled
from training.splits import leave_one_source_out, split_by_group

FloatArray = NDArray[np.float64]
Matrix = NDArray[np.float32]
Fit = Callable[[Design], Blend]

FOLDS = 10
FEWEST_HELD_OUT = 50
EVEN = 0.5


class HeldOut(Struct, frozen=True, kw_only=True):
    """One fold: Spearman's rank correlation of score and target, and the AUC of who won (votes only)."""

    name: str
    family: Family
    n: int
    rank_correlation: float
    auc: float | None


class Comparison(Struct, frozen=True, kw_only=True):
    """One way of fitting over all folds. ``exam`` is a mean over sources, ``chat`` is over all votes at once."""

    name: str
    exam: float
    chat: float
    chat_auc: float
    folds: tuple[HeldOut, ...]


def compare(name: str, fit: Fit, labelled: Sequence[Labelled], raw: Matrix, dim: int) -> Comparison:
    """Cross-validate one way of fitting.

    Args:
        name: what to call it.
        fit: design to blend.
        labelled: N prompts.
        raw: their raw input rows, float32 [N, D].
        dim: columns of the embedding within a row.
    """
    places = _Places(labelled)
    folds = []
    for source, rest, held_out in progress(leave_one_source_out(labelled), label=name, unit="sources"):
        if held_out[0].family == "exam" and len(held_out) >= FEWEST_HELD_OUT:
            scores = _scores(fit, labelled, raw, dim, places.of(rest), places.of(held_out))
            folds.append(_held_out(source, held_out, scores))
    chat = _chat(fit, labelled, raw, dim, places)
    exam = [fold.rank_correlation for fold in folds]
    return Comparison(
        name=name,
        exam=float(np.mean(exam)) if exam else float("nan"),
        chat=chat.rank_correlation,
        chat_auc=chat.auc if chat.auc is not None else float("nan"),
        folds=(*folds, chat),
    )


class _Places:
    """Where each row stands among all; rows are known by identity, since the same prompt may stand in two sources."""

    def __init__(self, labelled: Sequence[Labelled]) -> None:
        self._place = {id(row): place for place, row in enumerate(labelled)}

    def of(self, rows: Sequence[Labelled]) -> NDArray[np.intp]:
        """Places of ``rows`` [N]."""
        return np.array([self._place[id(row)] for row in rows], np.intp)


def rank_correlation(first: FloatArray, second: FloatArray) -> float:
    """Spearman's correlation, ties sharing their mean rank; 0 where either does not vary."""
    one, other = (_centred(_mean_ranks(values)) for values in (first, second))
    length = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / length if length > 0 else 0.0


def auc(scores: FloatArray, wins: NDArray[np.bool_]) -> float:
    """Chance that a prompt which the strong model won scores above one which it did not; .5 where all are alike."""
    positive, negative = int(wins.sum()), int((~wins).sum())
    if not positive or not negative:
        return 0.5
    ranks = _mean_ranks(scores)
    return float((ranks[wins].sum() - positive * (positive - 1) / 2) / (positive * negative))


def _chat(
    fit: Fit,
    labelled: Sequence[Labelled],
    raw: Matrix,
    dim: int,
    places: _Places,
) -> HeldOut:
    scores = np.full(len(labelled), np.nan)
    for train, test in _folds(labelled, places):
        if len(test):
            scores[test] = _scores(fit, labelled, raw, dim, train, test)
    seen = np.flatnonzero(~np.isnan(scores))
    return _held_out("votes", [labelled[number] for number in seen.tolist()], scores[seen])


def _folds(labelled: Sequence[Labelled], places: _Places) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Train and test rows of each fold of prompt groups; only votes are tested."""
    dealt = split_by_group(labelled, {str(fold): 1.0 / FOLDS for fold in range(FOLDS)})
    for fold, held_out in progress(dealt.items(), label="votes", unit="folds"):
        rest = [row for other, rows in dealt.items() if other != fold for row in rows]
        yield places.of(rest), places.of([row for row in held_out if row.family == "chat"])


def _scores(
    fit: Fit, labelled: Sequence[Labelled], raw: Matrix, dim: int, train: NDArray[np.intp], test: NDArray[np.intp]
) -> FloatArray:
    rows = [labelled[number] for number in train.tolist()]
    weight = np.array([row.weight for row in rows], np.float64)
    scaler = fit_scaler(raw[train], weight, dim)
    blend = fit(Design.of(rows, scaler.apply(raw[train])))
    return blend.predict(scaler.apply(raw[test]))


def _held_out(name: str, rows: Sequence[Labelled], scores: FloatArray) -> HeldOut:
    target = np.array([row.target for row in rows], np.float64)
    decided = [number for number, row in enumerate(rows) if row.strong_wins is not None]
    chat = bool(rows) and rows[0].family == "chat"
    wins = np.array([rows[number].strong_wins or 0.0 for number in decided], np.float64) > EVEN
    return HeldOut(
        name=name,
        family="chat" if chat else "exam",
        n=len(rows),
        rank_correlation=rank_correlation(scores, target) if rows else 0.0,
        auc=auc(scores[decided], wins) if chat else None,
    )


def _centred(values: FloatArray) -> FloatArray:
    centred: FloatArray = values - values.mean()
    return centred


def _mean_ranks(values: FloatArray) -> FloatArray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: FloatArray = (ends - (counts + 1) / 2)[inverse]
    return ranks
