"""Who is compared: the kinds of classifier, and the two baselines that have learned nothing.

All kinds are fitted on the same rows at once, and a head that several of them have in common is fitted once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import process_time

import numpy as np
from numpy.typing import NDArray

from router.scoring.classifier import Blend
from router.scoring.inputs import Scaler
from training.fit import CLASSIFIERS, Design, FittedHead, Means, blended, fit_head, fit_scaler
from training.records import Labelled
from training.threads import one_thread

FloatArray = NDArray[np.float64]
Matrix = NDArray[np.float32]

RANDOM, LENGTH = "random", "length"
BASELINES = (RANDOM, LENGTH)

LEAST_SPREAD = 1e-9


@dataclass(frozen=True, slots=True)
class Prompts:
    """N prompts: their texts, and their raw input rows float32 [N, D]."""

    texts: Sequence[str]
    raw: Matrix

    def only(self, places: NDArray[np.intp]) -> Prompts:
        """The prompts at ``places``."""
        return Prompts([self.texts[place] for place in places.tolist()], self.raw[places])


Ranker = Callable[[Prompts], FloatArray]
"""Scores float64 [N] of N prompts, with mean 0 and spread about 1 over what was fitted on."""


@dataclass(slots=True)
class Contenders:
    """Fits all kinds on the same prompts, and takes the time.

    ``kinds``: names of :data:`training.fit.CLASSIFIERS`. ``dim``: columns of the embedding. ``seed`` fixes what is
    drawn. ``seconds``: CPU time of every fit so far, by kind.
    """

    kinds: Sequence[str]
    dim: int
    seed: int
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @property
    def names(self) -> tuple[str, ...]:
        """The baselines, then the kinds."""
        return (*BASELINES, *self.kinds)

    def fit(self, labelled: Sequence[Labelled], prompts: Prompts) -> dict[str, Ranker]:
        """One ranker for each name, fitted on N labelled prompts."""
        weight = np.array([row.weight for row in labelled], np.float64)
        scaler = fit_scaler(prompts.raw, weight, self.dim)
        design = Design.of(labelled, scaler.apply(prompts.raw))
        rankers: dict[str, Ranker] = {RANDOM: _Random(self.seed), LENGTH: _Length.of(prompts)}
        rankers.update({kind: _Classifier(scaler, blend) for kind, blend in self._blends(design).items()})
        return rankers

    def _blends(self, design: Design) -> Mapping[str, Blend]:
        heads: dict[str, FittedHead | None] = {}
        spent: dict[str, float] = {}
        blends = {}
        means = Means(dim=self.dim, seed=self.seed)
        with one_thread():
            for kind in self.kinds:
                for recipe in CLASSIFIERS[kind]:
                    if recipe.name not in heads:
                        started = process_time()
                        heads[recipe.name] = fit_head(recipe, design, means)
                        spent[recipe.name] = process_time() - started
                fitted = [heads[recipe.name] for recipe in CLASSIFIERS[kind]]
                blends[kind] = blended([head for head in fitted if head is not None], design)
                self.seconds[kind].append(sum(spent[recipe.name] for recipe in CLASSIFIERS[kind]))
        return blends


@dataclass(frozen=True, slots=True)
class _Classifier:
    scaler: Scaler
    blend: Blend

    def __call__(self, prompts: Prompts) -> FloatArray:
        return self.blend.predict(self.scaler.apply(prompts.raw))


@dataclass(frozen=True, slots=True)
class _Random:
    seed: int

    def __call__(self, prompts: Prompts) -> FloatArray:
        return np.random.default_rng(self.seed).normal(size=len(prompts.texts))


@dataclass(frozen=True, slots=True)
class _Length:
    """Longer is harder; by the logarithm of the characters, so that one long prompt does not set the scale."""

    mean: float
    spread: float

    @classmethod
    def of(cls, prompts: Prompts) -> _Length:
        values = _log_characters(prompts)
        return cls(float(values.mean()), max(float(values.std()), LEAST_SPREAD))

    def __call__(self, prompts: Prompts) -> FloatArray:
        return (_log_characters(prompts) - self.mean) / self.spread


def _log_characters(prompts: Prompts) -> FloatArray:
    return np.log1p(np.array([len(text) for text in prompts.texts], np.float64))
