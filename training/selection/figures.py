"""The figures of each contender, from what it said of prompts that it had not seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from training.calibrate import log_loss
from training.calibration_error import CalibrationError, calibration_error
from training.evaluate.bootstrap import interval
from training.records import Labelled
from training.selection.clear_cut import ClearCut
from training.selection.held_out import HeldOut
from training.selection.rankings import auc, rank_correlation

FloatArray = NDArray[np.float64]

EVEN = 0.5
RESAMPLES = 1000
ALL = "all"


class Votes(Struct, frozen=True, kw_only=True):
    """Held-out votes.

    ``rank_correlation``: of score and target over ``n`` prompts. ``auc``: who won, over the ``decided`` ones;
    ``auc_over_length``: less that of the prompt's length, with its 95 % interval over resampled prompts. ``log_loss``
    of the win rates is to be read against ``prior_log_loss``, that of the share of wins known before.
    """

    n: int
    rank_correlation: float
    decided: int
    auc: float
    auc_over_length: float
    auc_over_length_ci: tuple[float, float]
    log_loss: float
    prior_log_loss: float


class Figures(Struct, frozen=True, kw_only=True):
    """One contender.

    ``exam``: mean over held-out exams of Spearman's correlation between score and target, ``exam_se`` its standard
    error, ``exams`` each of them. ``votes``: None where nobody voted. ``clear_cut``: by set, the chance that a hard
    prompt scores above an easy one. ``calibration``: by family and over all labelled prompts. ``fit_seconds``: mean CPU
    time of a fit, None for baselines.
    """

    name: str
    exam: float
    exam_se: float
    exams: dict[str, float]
    votes: Votes | None
    clear_cut: dict[str, float]
    calibration: dict[str, CalibrationError]
    fit_seconds: float | None


def figures(
    name: str,
    found: HeldOut,
    length: HeldOut,
    labelled: Sequence[Labelled],
    clear_cut: Sequence[ClearCut],
    seconds: Sequence[float],
) -> Figures:
    """Measure one contender.

    Args:
        name: what it is called.
        found: what it said.
        length: what the length of the prompt said of the same prompts.
        labelled: the N labelled prompts.
        clear_cut: the M clear-cut ones.
        seconds: how long its fits took.
    """
    exams = _exams(found, labelled)
    values = np.array(list(exams.values()))
    return Figures(
        name=name,
        exam=float(values.mean()) if len(values) else float("nan"),
        exam_se=float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan"),
        exams=exams,
        votes=_votes(found, length, labelled),
        clear_cut=_clear_cut(found.clear_cut, clear_cut),
        calibration=_calibration(found.win_rates, labelled),
        fit_seconds=float(np.mean(seconds)) if len(seconds) else None,
    )


def _exams(found: HeldOut, labelled: Sequence[Labelled]) -> dict[str, float]:
    targets = {
        source: np.array([row.target for row in labelled if row.source == source], np.float64) for source in found.exams
    }
    return {source: rank_correlation(scores, targets[source]) for source, scores in found.exams.items()}


def _votes(found: HeldOut, length: HeldOut, labelled: Sequence[Labelled]) -> Votes | None:
    votes = [place for place, row in enumerate(labelled) if row.family == "chat"]
    if not votes:
        return None
    known = [place for place in votes if labelled[place].strong_wins is not None]
    target = np.array([labelled[place].target for place in votes], np.float64)
    wins = np.array([labelled[place].strong_wins for place in known], np.float64)
    scores, by_length = found.scores[known], length.scores[known]
    mostly = wins > EVEN
    return Votes(
        n=len(votes),
        rank_correlation=rank_correlation(found.scores[votes], target),
        decided=len(known),
        auc=auc(scores, mostly),
        auc_over_length=auc(scores, mostly) - auc(by_length, mostly),
        auc_over_length_ci=_difference_interval(scores, by_length, mostly),
        log_loss=log_loss(found.win_rates[known], wins),
        prior_log_loss=log_loss(found.base_rates[known], wins),
    )


def _difference_interval(first: FloatArray, second: FloatArray, wins: NDArray[np.bool_]) -> tuple[float, float]:
    random = np.random.default_rng(0)
    draws = (random.integers(0, len(wins), len(wins)) for _ in range(RESAMPLES))
    differences = [auc(first[draw], wins[draw]) - auc(second[draw], wins[draw]) for draw in draws]
    return interval(np.array(differences))


def _clear_cut(scores: FloatArray, prompts: Sequence[ClearCut]) -> dict[str, float]:
    names = np.array([prompt.name for prompt in prompts], np.str_)
    hard = np.array([prompt.hard for prompt in prompts], np.bool_)
    return {name: auc(scores[names == name], hard[names == name]) for name in dict.fromkeys(names.tolist())}


def _calibration(win_rates: FloatArray, labelled: Sequence[Labelled]) -> dict[str, CalibrationError]:
    known = [place for place, row in enumerate(labelled) if row.strong_wins is not None]
    families = {ALL: known}
    for place in known:
        families.setdefault(labelled[place].family, []).append(place)
    return {
        family: calibration_error(
            win_rates[places], np.array([labelled[place].strong_wins for place in places], np.float64)
        )
        for family, places in families.items()
    }
