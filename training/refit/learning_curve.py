"""How much labels help: a benchmark's own rows as a stand-in for somebody's traffic.

Part of the rows are labels to refit on, the rest measure. These figures are in-domain; they say what refitting does
and must not stand beside zero-shot figures as if they were of one kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from router.errors import DataError
from router.scoring.chain import Chain
from training.encoding import raw_rows
from training.evaluate import Benchmark
from training.evaluate.protocol import apgr, curve
from training.forms import records_of
from training.graded import GRADED_FORMS
from training.progress import progress
from training.records import Drops, Graded, Labelled
from training.refit.labels import Label, as_labelled, labels_of_several
from training.refit.run import LEAST_BELIEF, fit_chain
from training.tables import read_rows

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
Matrix = NDArray[np.float32]

PERCENT = 100.0


class Step(Struct, frozen=True, kw_only=True):
    """``labels`` were given in each of ``repeats`` draws. Standard errors are over draws, which share prompts.

    ``apgr`` is on the rows that were not drawn; ``over_prior`` is that less the prior's on the same rows, ``worst`` the
    least of these differences. ``corrected`` counts the draws in which the labels moved the ranking.
    """

    labels: int
    repeats: int
    apgr: float
    apgr_se: float
    over_prior: float
    over_prior_se: float
    worst: float
    corrected: int


class Traffic(Struct, frozen=True, eq=False):
    """What labels are drawn from: N rows as the stages read them, and the key of each question (``question_key``)."""

    labelled: list[Labelled]
    raw: Matrix
    keys: NDArray[np.str_]


def traffic_of(benchmark: Benchmark, raw: Matrix, *, weak_only: bool) -> Traffic:
    """The rows of a right/wrong benchmark as labels, with or without the strong model's grades."""
    labels = [
        Label(prompt=prompt, weak=weak / PERCENT, strong=None if weak_only else strong / PERCENT)
        for prompt, weak, strong in zip(
            benchmark.prompts, benchmark.weak.tolist(), benchmark.strong.tolist(), strict=True
        )
    ]
    return Traffic(as_labelled(labels, benchmark.name), raw, _keys(benchmark.prompts))


def traffic_of_table(path: Path, chain: Chain, *, without: Sequence[str]) -> Traffic:
    """Weak-only labels from a table of other models, all but ``without`` (``labels_of_several``).

    Raises:
        DataError: the table cannot be read, or no model is left.
    """
    drops = Drops()
    graded: list[Graded] = list(records_of(read_rows(path, drops, path.name), GRADED_FORMS, drops, path.name))
    others = [
        replace(row, scores={model: grade for model, grade in row.scores.items() if model not in without})
        for row in graded
    ]
    labels = labels_of_several([row for row in others if row.scores])
    if not labels:
        raise DataError(f"{path}: no model is left to label with; name fewer with --without")
    prompts = [label.prompt for label in labels]
    return Traffic(as_labelled(labels, path.name), raw_rows(chain.inputs, prompts), _keys(prompts))


def question_key(prompt: str) -> str:
    """Equal for one question with other options: the letters and digits above the options."""
    return "".join(letter for letter in prompt.split("\nA. ")[0].casefold() if letter.isalnum())


def learning_curve(
    prior: Chain,
    benchmark: Benchmark,
    raw: Matrix,
    traffic: Traffic,
    sizes: Sequence[int],
    *,
    repeats: int,
    seed: int,
) -> Iterator[Step]:
    """One step for each size; draws of one repeat are nested, so steps compare.

    Raises:
        DataError: a size leaves no rows to measure on.
    """
    if max(sizes) > len(traffic.labelled):
        raise DataError(f"{max(sizes)} labels are wanted and {len(traffic.labelled)} are there; give smaller --sizes")
    prior_scores = prior.scores(raw)
    keys = _keys(benchmark.prompts)
    for size in sizes:
        found, gained, corrected = [], [], 0
        for repeat in progress(range(repeats), label=f"{size} labels", unit="draws"):
            drawn = np.random.default_rng(seed + repeat).permutation(len(traffic.labelled))[:size]
            rest = np.flatnonzero(~np.isin(keys, traffic.keys[drawn]))
            scores, moved = _refitted_scores(prior, traffic, drawn, raw[rest], prior_scores[rest], seed + repeat)
            corrected += moved
            found.append(_apgr(benchmark, rest, scores))
            gained.append(found[-1] - _apgr(benchmark, rest, prior_scores[rest]))
        yield _step(size, np.array(found), np.array(gained), corrected)


def folded(prior: Chain, benchmark: Benchmark, traffic: Traffic, *, folds: int, repeats: int, seed: int) -> Step:
    """k-fold: every row is scored by a refit on the other folds, and the whole benchmark is measured at once."""
    prior_scores = prior.scores(traffic.raw)
    everything = np.arange(len(benchmark))
    found, corrected = [], 0
    for repeat in progress(range(repeats), label=f"{folds} folds", unit="splits"):
        fold = np.random.default_rng(seed + repeat).permutation(len(everything)) % folds
        scores = np.empty(len(everything))
        for number in range(folds):
            here, others = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
            scores[here], moved = _refitted_scores(
                prior, traffic, others, traffic.raw[here], prior_scores[here], seed + repeat
            )
            corrected += moved
        found.append(_apgr(benchmark, everything, scores))
    gained = np.array(found) - _apgr(benchmark, everything, prior_scores)
    return _step(len(everything) * (folds - 1) // folds, np.array(found), gained, corrected)


def _refitted_scores(
    prior: Chain, traffic: Traffic, drawn: IntArray, raw: Matrix, prior_scores: FloatArray, seed: int
) -> tuple[FloatArray, bool]:
    """Scores of raw rows after a refit on the drawn labels, and whether these moved the ranking; 0 labels: none."""
    if not len(drawn):
        return prior_scores, False
    done = fit_chain(prior, [traffic.labelled[place] for place in drawn.tolist()], traffic.raw[drawn], seed)
    return done.chain.scores(raw), done.belief >= LEAST_BELIEF


def _apgr(benchmark: Benchmark, places: IntArray, scores: FloatArray) -> float:
    prompts = [benchmark.prompts[place] for place in places.tolist()]
    return apgr(*curve(scores, benchmark.weak[places], benchmark.strong[places], prompts))


def _keys(prompts: Sequence[str]) -> NDArray[np.str_]:
    return np.array([question_key(prompt) for prompt in prompts], np.str_)


def _step(size: int, found: FloatArray, gained: FloatArray, corrected: int) -> Step:
    root = np.sqrt(len(found))
    spread = 1 if len(found) > 1 else 0
    return Step(
        labels=size,
        repeats=len(found),
        apgr=round(float(found.mean()), 4),
        apgr_se=round(float(found.std(ddof=spread) / root), 4),
        over_prior=round(float(gained.mean()), 4),
        over_prior_se=round(float(gained.std(ddof=spread) / root), 4),
        worst=round(float(gained.min()), 4),
        corrected=corrected,
    )
