"""What each contender says of prompts that it has not seen.

Exams are held out one source at a time, since a new kind of question is what a router meets. In addition all labels are
dealt into folds of prompt groups; within a fold a contender is fitted and calibrated as an artifact is, on two slices
of the rest, which gives scores and win rates of every labelled prompt. Clear-cut prompts are scored by a fit on
everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.calibrate import calibrate
from training.pipeline import SLICES
from training.progress import progress
from training.records import Labelled
from training.selection.contenders import Contenders, Prompts, Ranker
from training.splits import leave_one_source_out, split_by_group

FloatArray = NDArray[np.float64]
Places = NDArray[np.intp]

FOLDS = 5
FOLD_SEED = 1
"""Not that of the slices within a fold, or these would be the same groups as the folds."""

FEWEST_HELD_OUT = 50
"""An exam with fewer questions says too little to count as much as the others."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What one contender says of N labelled prompts, and of M clear-cut ones.

    ``exams``: source to scores, by a fit without that source. ``scores``, ``win_rates`` and ``base_rates`` float64 [N],
    by the fit without their fold; the base rate is the win rate of whoever knows only how often the strong model won.
    ``clear_cut`` float64 [M], scores.
    """

    exams: dict[str, FloatArray]
    scores: FloatArray
    win_rates: FloatArray
    base_rates: FloatArray
    clear_cut: FloatArray


@dataclass(frozen=True, slots=True)
class Trial:
    """Who is compared, and on what: N labelled prompts, as records and as inputs; M clear-cut ones."""

    contenders: Contenders
    labelled: Sequence[Labelled]
    prompts: Prompts
    clear_cut: Prompts

    def fit(self, places: Places) -> dict[str, Ranker]:
        """All contenders, fitted on the prompts at ``places``."""
        return self.contenders.fit([self.labelled[place] for place in places.tolist()], self.prompts.only(places))


def held_out(trial: Trial) -> dict[str, HeldOut]:
    """Fit every contender on every part of the labels, and let it speak of the rest.

    Raises:
        DataError: too few labels to fit or to calibrate on.
    """
    exams = _exams(trial)
    folds = _cross_fitted(trial)
    rankers = trial.fit(np.arange(len(trial.labelled)))
    return {
        name: HeldOut(
            exams=exams[name],
            scores=folds[name][0],
            win_rates=folds[name][1],
            base_rates=folds[name][2],
            clear_cut=ranker(trial.clear_cut),
        )
        for name, ranker in rankers.items()
    }


def _exams(trial: Trial) -> dict[str, dict[str, FloatArray]]:
    """Contender to exam to scores."""
    found: dict[str, dict[str, FloatArray]] = {name: {} for name in trial.contenders.names}
    parts = list(_exam_parts(trial.labelled))
    for source, rest, here in progress(parts, label="exams held out", unit="exams"):
        unseen = trial.prompts.only(here)
        for name, ranker in trial.fit(rest).items():
            found[name][source] = ranker(unseen)
    return found


def _cross_fitted(trial: Trial) -> dict[str, FloatArray]:
    """Contender to scores, win rates and base rates, float64 [3, N]."""
    found = {name: np.empty((3, len(trial.labelled))) for name in trial.contenders.names}
    for fitting, calibrating, here in progress(list(_fold_parts(trial.labelled)), label="folds", unit="folds"):
        known, unseen = trial.prompts.only(calibrating), trial.prompts.only(here)
        rows = [trial.labelled[place] for place in calibrating.tolist()]
        for name, ranker in trial.fit(fitting).items():
            calibration = calibrate(ranker(known), rows)
            scores = ranker(unseen)
            found[name][:, here] = (
                scores,
                calibration.calibrator.apply(scores),
                np.full(len(here), calibration.base_rate),
            )
    return found


def _exam_parts(labelled: Sequence[Labelled]) -> Iterator[tuple[str, Places, Places]]:
    """Each exam that is large enough and not all there is: its name, where the rest stands, where it stands itself."""
    places = _Places(labelled)
    for source, rest, here in leave_one_source_out(labelled):
        if rest and here[0].family == "exam" and len(here) >= FEWEST_HELD_OUT:
            yield source, places.of(rest), places.of(here)


def _fold_parts(labelled: Sequence[Labelled]) -> Iterator[tuple[Places, Places, Places]]:
    """Where the prompts stand that each fold fits on, calibrates on and holds out."""
    places = _Places(labelled)
    dealt = split_by_group(labelled, {str(fold): 1.0 / FOLDS for fold in range(FOLDS)}, seed=FOLD_SEED)
    for fold, here in dealt.items():
        rest = [row for other, rows in dealt.items() if other != fold for row in rows]
        slices = split_by_group(rest, SLICES)
        yield places.of(slices["fit"]), places.of(slices["calibrate"]), places.of(here)


class _Places:
    """Where each row stands among all; rows are known by identity, since the same prompt may stand in two sources."""

    def __init__(self, labelled: Sequence[Labelled]) -> None:
        self._place = {id(row): place for place, row in enumerate(labelled)}

    def of(self, rows: Sequence[Labelled]) -> Places:
        """Places of ``rows`` [N]."""
        return np.array([self._place[id(row)] for row in rows], np.intp)
