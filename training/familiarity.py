"""What the training prompts look like: the reference by which serving tells that a prompt is unlike all of them.

The limits come from prompts that the reference does not hold. Exams are held out one source at a time, since questions
of a new but ordinary kind must seldom be called unfamiliar; votes, and a source that is most of the data, by folds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from statistics import fmean

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.scoring.familiarity import KINDS, CharacterModel, Familiarity, FamiliarityLimits, character_keys
from router.scoring.features import FEATURE_NAMES
from router.scoring.prompt import bound
from training.progress import progress
from training.records import Labelled
from training.splits import split_by_group

FloatArray = NDArray[np.float64]
Matrix = NDArray[np.float32]

FALSE_ALARMS = 0.007
"""Largest share of held-out prompts that one measure may call unfamiliar, over votes and as the mean over sources."""

MOST_PROMPTS = 50_000
"""More prompts than this say nothing new: of a larger corpus every k-th is taken."""

FOLDS = 5
OTHER_SCRIPT = 0.2
"""From this share of non-Latin characters on, a prompt held out with its source may well be in a script that no other
source holds. It is unfamiliar then, and rightly so: the limits do not heed it."""

LABELS_SHARE = 0.2
"""What labels of one's own weigh in a refitted reference, however few they are."""

LABELS_ALARMS = 0.01
"""Largest share of held-out labels that a refitted reference may call unfamiliar."""

_NON_LATIN = FEATURE_NAMES.index("script.non_latin_share")
_ROWS_AT_ONCE = 2048
_DECIMALS = 6
_UNITS = 10.0**_DECIMALS
_HALVINGS = 40
_NO_LIMITS = FamiliarityLimits(mean_surprise=0.0, surprise=1.0, shape=1.0)


class Prompts(Struct, frozen=True, eq=False):
    """N labelled prompts: their bounded texts and their features, float32 [N, F], raw and standardised."""

    labelled: list[Labelled]
    texts: list[str]
    raw: Matrix
    standard: Matrix

    @classmethod
    def of(cls, labelled: Sequence[Labelled], raw: Matrix, standard: Matrix) -> Prompts:
        """Of a large corpus every k-th prompt."""
        step = ceil(len(labelled) / MOST_PROMPTS)
        kept = list(labelled[::step])
        return cls(kept, [bound(row.prompt) for row in kept], raw[::step], standard[::step])

    @property
    def weight(self) -> FloatArray:
        """Weights float64 [N]."""
        return np.array([row.weight for row in self.labelled], np.float64)


class Fitted(Struct, frozen=True, eq=False):
    """The reference, the prompts that it was made from, and how unfamiliar each was while it was held out, [N]."""

    familiarity: Familiarity
    prompts: Prompts
    held_out: FloatArray


class _Sums(Struct, frozen=True, eq=False):
    """What a reference is made of, in a form that can be added and subtracted."""

    characters: FloatArray
    moments: FloatArray
    weight: float

    @classmethod
    def of(cls, prompts: Prompts, places: NDArray[np.intp]) -> _Sums:
        weight = prompts.weight[places]
        standard = prompts.standard[places].astype(np.float64)
        characters = np.zeros(KINDS**3)
        for start in range(0, len(places), _ROWS_AT_ONCE):
            block = slice(start, start + _ROWS_AT_ONCE)
            keys = [np.unique(character_keys(prompts.texts[place])) for place in places[block].tolist()]
            repeats = np.repeat(weight[block], [len(found) for found in keys])
            characters += np.bincount(np.concatenate(keys), repeats, minlength=KINDS**3)
        return cls(characters, (standard * weight[:, None]).T @ standard, float(weight.sum()))

    def mixed(self, other: _Sums, factor: float) -> _Sums:
        """These sums and ``factor`` times the others."""
        # Rounding may leave a count of zero just below it.
        characters = np.maximum(self.characters + factor * other.characters, 0.0)
        return _Sums(characters, self.moments + factor * other.moments, self.weight + factor * other.weight)

    def familiarity(self, limits: FamiliarityLimits) -> Familiarity:
        moments = self.moments / max(self.weight, np.finfo(np.float64).tiny)
        return Familiarity(self.characters.astype(np.float32), np.round(moments, _DECIMALS), limits)


def fit_familiarity(prompts: Prompts) -> Fitted:
    """Describe the prompts, and set the limits by prompts that are held out."""
    everything = _Sums.of(prompts, np.arange(len(prompts.texts)))
    mean_surprise = _mean_surprise(everything.familiarity(_NO_LIMITS).characters, prompts)
    surprise, shape = np.empty(len(prompts.texts)), np.empty(len(prompts.texts))
    open_limits = FamiliarityLimits(mean_surprise=mean_surprise, surprise=1.0, shape=1.0)
    for places in progress(list(_held_out_parts(prompts.labelled)), label="familiar", unit="parts"):
        rest = everything.mixed(_Sums.of(prompts, places), -1.0).familiarity(open_limits)
        for place in places.tolist():
            surprise[place] = rest.surprise(prompts.texts[place])
            shape[place] = rest.shape(prompts.standard[place])
    limits = FamiliarityLimits(
        mean_surprise=mean_surprise, surprise=_limit(surprise, prompts), shape=_limit(shape, prompts)
    )
    held_out = np.maximum(surprise / limits.surprise, shape / limits.shape)
    return Fitted(everything.familiarity(limits), prompts, held_out)


def widen(prior: Familiarity, prompts: Prompts) -> Fitted:
    """Add labelled prompts to what a prior artifact is familiar with; its limits never become stricter.

    ``held_out`` tells how unfamiliar each prompt is to a reference with the other folds' prompts in it.
    """
    before = _Sums(prior.characters.counts.astype(np.float64), prior.moments, 1.0)
    surprise, shape = np.empty(len(prompts.texts)), np.empty(len(prompts.texts))
    everywhere = np.arange(len(prompts.texts))
    for places in _folds(prompts.labelled, everywhere):
        known = _with_labels(before, _Sums.of(prompts, np.setdiff1d(everywhere, places))).familiarity(prior.limits)
        for place in places.tolist():
            surprise[place] = known.surprise(prompts.texts[place])
            shape[place] = known.shape(prompts.standard[place])
    limits = FamiliarityLimits(
        mean_surprise=prior.limits.mean_surprise,
        surprise=max(prior.limits.surprise, _all_but_the_oddest(surprise)),
        shape=max(prior.limits.shape, _all_but_the_oddest(shape)),
    )
    held_out = np.maximum(surprise / limits.surprise, shape / limits.shape)
    return Fitted(_with_labels(before, _Sums.of(prompts, everywhere)).familiarity(limits), prompts, held_out)


def _all_but_the_oddest(values: FloatArray) -> float:
    """The limit that ``LABELS_ALARMS`` of the values exceed, and one of them at least: a stray label opens no door."""
    ranked = np.sort(values)
    above = max(1, int(LABELS_ALARMS * len(ranked)))
    return _rounded_up(float(ranked[-1 - above])) if len(ranked) > above else 0.0


def _with_labels(before: _Sums, labels: _Sums) -> _Sums:
    """The prior's sums with the labels at ``LABELS_SHARE``; counts of characters stay in prompts, as before."""
    if not labels.weight:
        return before
    prompts_before = before.characters.max()
    scaled = _Sums(
        labels.characters * prompts_before / max(labels.characters.max(), 1.0), labels.moments / labels.weight, 1.0
    )
    kept = _Sums(before.characters, before.moments, 1.0)
    return kept.mixed(scaled, LABELS_SHARE / (1 - LABELS_SHARE))


def _mean_surprise(characters: CharacterModel, prompts: Prompts) -> float:
    means = [total / length for total, length in map(characters.surprise, prompts.texts)]
    return round(float(np.average(means, weights=prompts.weight)), _DECIMALS)


def _held_out_parts(labelled: Sequence[Labelled]) -> Iterator[NDArray[np.intp]]:
    """Places of the prompts that are held out together; every prompt is in one part."""
    sources = np.array([row.source for row in labelled])
    exam = np.array([row.family == "exam" for row in labelled])
    by_folds = []
    for source in np.unique(sources):
        places = np.flatnonzero(sources == source)
        if exam[places].all() and 2 * len(places) <= len(labelled):
            yield places
        else:
            by_folds.append(places)
    if by_folds:
        yield from _folds(labelled, np.concatenate(by_folds))


def _folds(labelled: Sequence[Labelled], places: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    dealt = split_by_group([labelled[place] for place in places], {str(fold): 1 / FOLDS for fold in range(FOLDS)})
    place_of = {id(labelled[place]): place for place in places.tolist()}
    for rows in dealt.values():
        if rows:
            yield np.array([place_of[id(row)] for row in rows], np.intp)


def _limit(values: FloatArray, prompts: Prompts) -> float:
    """The least limit that keeps to ``FALSE_ALARMS``, over votes and as the mean over sources."""
    latin = prompts.raw[:, _NON_LATIN] < OTHER_SCRIPT
    latin |= not latin.any()
    sources = np.array([row.source for row in prompts.labelled])
    chat = np.array([row.family == "chat" for row in prompts.labelled])
    by_source = [values[latin & (sources == source)] for source in np.unique(sources[latin])]
    votes = values[latin & chat]
    low, high = 0.0, float(values.max())
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        alarms = max(_above(votes, middle), fmean([_above(part, middle) for part in by_source] or [0.0]))
        low, high = (low, middle) if alarms <= FALSE_ALARMS else (middle, high)
    return _rounded_up(high)


def _above(values: FloatArray, limit: float) -> float:
    """Share of values beyond a limit; 0 where there are none."""
    return float(np.mean(values > limit)) if len(values) else 0.0


def _rounded_up(value: float) -> float:
    return ceil(value * _UNITS) / _UNITS
