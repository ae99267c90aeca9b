"""One refit, stage by stage: read -> score with the prior -> correct -> calibrate -> measure -> export -> report.

Calibration, curve and operating points are taken from cross-fitted scores: every label is scored by a chain that was
fitted on the other folds (below ``FEWEST_LABELS`` by the prior, which has seen none of them).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.errors import DataError
from router.scoring.artifact import Artifact, Facts, load_artifact, write_artifact
from router.scoring.chain import Chain
from router.scoring.classifier import Blend, BlendedHead
from router.scoring.manifest import Manifest, file_sha256
from router.scoring.scorer import Scorer
from training.calibrate import FEWEST_ROWS, Calibration, calibrate
from training.decisions import record_decisions
from training.encoding import raw_rows
from training.export import make_room
from training.familiarity import Fitted, Prompts, fit_familiarity, widen
from training.golden_prompts import GOLDEN_PROMPTS
from training.held_out import held_out_curve, held_out_figures
from training.records import Labelled
from training.reference import reference_of
from training.refit.additions import Additions, Recipe, cross_fitted, fit_additions
from training.refit.basis import parts_of
from training.refit.labels import LabelSet, as_labelled, read_labels
from training.report import write_report
from training.splits import split_by_group
from training.threads import one_thread
from training.tradeoff import measure_curve, operating_points, point_lines

FloatArray = NDArray[np.float64]
Matrix = NDArray[np.float32]
Say = Callable[[str], None]

FEWEST_LABELS = 100
"""With fewer the prior ranks alone. On average even 50 labels help, but single draws lose by them
(``training/LOG.md``)."""

FOLDS = 5
FEWEST_GROUPS = 10
"""Groups of prompts (``training.splits``) that are due, so that folds can be held out from fits on other prompts."""

DECIMALS = 10
LEAST_SPREAD = 1e-9

LEAST_BELIEF = 0.005
"""Additions that the labels make less likely than this are not worth their heads."""

ASSUMED = {
    True: "both models were graded: the win rate is the chance that the strong answer is strictly better; "
    "where both are wrong the weak one counts as sufficing",
    False: "only the weak model was graded: the strong one is taken to be right, so the win rate and the quality are "
    "those of an ideal strong model, and the true ones are lower where it fails too",
}
"""What the win rate means, by whether the labels are of pairs."""


class RefitPlan(Struct, frozen=True, kw_only=True):
    """One refit: ``labels`` a file, ``artifact`` the folder of the prior, ``out`` the folder of the new artifact."""

    labels: Path
    artifact: Path
    out: Path
    name: str
    version: str
    seed: int = 0

    @property
    def command(self) -> str:
        """The command that repeats this run, without the paths of one machine."""
        return f"train-router refit --labels {self.labels.name} --seed {self.seed} --name {self.name}/{self.version}"


@dataclass(frozen=True, slots=True)
class Refitted:
    """A corrected chain, calibrated, and scores float64 [N] of the labels: by cross-fitting, and by the prior.

    ``belief``, 0..1: how likely the labels make it that the prior's ranking is to be corrected.
    """

    chain: Chain
    calibration: Calibration
    belief: float
    scores: FloatArray
    prior_scores: FloatArray


def refit(plan: RefitPlan, say: Say) -> Manifest:
    """Run a plan and leave an artifact in ``plan.out``; the prior's folder is only read.

    Raises:
        DataError: the labels cannot be used, or ``out`` is the prior's folder; says what to do.
        ArtifactError: the prior cannot be used.
    """
    if plan.out.resolve() == plan.artifact.resolve():
        raise DataError(f"{plan.out}: is the artifact that is refitted; name another folder with --out")
    prior = load_artifact(plan.artifact)
    if f"{plan.name}/{plan.version}" == prior.manifest.label:
        raise DataError(f"--name {prior.manifest.label}: is what the prior is called; choose another name or version")
    found = read_labels(plan.labels)
    labelled = as_labelled(found.labels, plan.labels.name)
    say(f"{plan.labels.name}: {len(labelled):,} labels, {found.drops.total:,} rows left out; {ASSUMED[found.of_pairs]}")
    raw = raw_rows(prior.chain.inputs, [row.prompt for row in labelled])
    done = fit_chain(prior.chain, labelled, raw, plan.seed)
    say(_outcome(done))
    manifest = _export(plan, prior, found, labelled, done, _familiar(prior, labelled, raw))
    for line in point_lines(manifest.operating_points):
        say(line)
    write_report(plan.out)
    say(f"wrote {plan.out}")
    return manifest


def fit_chain(prior: Chain, labelled: list[Labelled], raw: Matrix, seed: int) -> Refitted:
    """Correct and recalibrate a chain.

    Args:
        prior: the chain to start from.
        labelled: N prompts; the target is the gain of the strong model.
        raw: their raw input rows, float32 [N, D].
        seed: fixes folds and landmarks.

    Raises:
        DataError: fewer labels than calibration needs, or too few different ones.
    """
    if len(labelled) < FEWEST_ROWS:
        raise DataError(f"{len(labelled)} labels are too few, at least {FEWEST_ROWS} are due; label more prompts")
    with one_thread():
        rows = prior.scaler.apply(raw)
        dim = prior.inputs.encoder.dim
        enough = len(labelled) >= FEWEST_LABELS
        recipe = Recipe(parts_of(rows, prior.scaler, dim, seed) if enough else (), dim, seed)
        scored, gain = prior.blend.predict(rows), _gain(labelled)
        held_out = cross_fitted(recipe, rows, scored, gain, _folds(labelled, seed))
        centre, spread = float(held_out.mean()), float(held_out.std())
        if spread <= LEAST_SPREAD:
            raise DataError("the labels hold nothing to learn: every prompt has the same one; label more prompts")
        additions = fit_additions(recipe, rows, scored, gain)
    blend = _corrected(prior.blend, additions, centre, spread)
    scores = (held_out - centre) / spread
    calibration = calibrate(scores, labelled)
    chain = Chain(prior.inputs.encoder, prior.scaler, blend, calibration.calibrator)
    return Refitted(chain, calibration, additions.belief, scores, scored)


def _folds(labelled: list[Labelled], seed: int) -> NDArray[np.intp]:
    """The fold of each prompt, int [N]; prompts of one group share it.

    Raises:
        DataError: there are too few groups, or one fold has them all.
    """
    groups = len({row.group for row in labelled})
    dealt = split_by_group(labelled, {str(fold): 1.0 / FOLDS for fold in range(FOLDS)}, seed=seed)
    if groups < FEWEST_GROUPS or sum(bool(rows) for rows in dealt.values()) < 2:
        raise DataError(
            f"of the labels' prompts only {groups} differ in more than digits and punctuation, so none can be held out "
            f"from the rest; label at least {FEWEST_GROUPS} different prompts"
        )
    fold_of = {row.group: int(fold) for fold, rows in dealt.items() for row in rows}
    return np.array([fold_of[row.group] for row in labelled], np.intp)


def _corrected(prior: Blend, additions: Additions, centre: float, spread: float) -> Blend:
    """The prior's heads by their trust and the additions beside them, in units of the held-out scores' spread."""
    trust = additions.trust / spread
    heads = [BlendedHead(part.name, part.head, round(part.weight * trust, DECIMALS)) for part in prior.heads]
    if additions.belief >= LEAST_BELIEF:
        for part in additions.heads:
            heads.append(BlendedHead(_free_name(part.name, heads), part.head, round(part.weight / spread, DECIMALS)))
    bias = (additions.intercept + additions.trust * prior.bias - centre) / spread
    return Blend(tuple(heads), round(bias, DECIMALS))


def _free_name(name: str, heads: list[BlendedHead]) -> str:
    """``name``, numbered where an earlier refit has left a head of that name."""
    taken = {part.name for part in heads}
    return next(free for free in (name, *(f"{name}-{n}" for n in range(2, len(heads) + 3))) if free not in taken)


def _outcome(done: Refitted) -> str:
    if done.belief == 0.0:
        return f"below {FEWEST_LABELS} labels the order of prompts stays as it is; the win rates are recalibrated"
    if done.belief < LEAST_BELIEF:
        return "the labels say nothing new about the order of prompts, so it stays; the win rates are recalibrated"
    return f"the labels correct the order of prompts with a belief of {done.belief:.0%}; the win rates are recalibrated"


def _familiar(prior: Artifact, labelled: list[Labelled], raw: Matrix) -> Fitted:
    """What the prior is familiar with and the labels' prompts; these alone where the prior does not tell."""
    dim = prior.chain.inputs.encoder.dim
    prompts = Prompts.of(labelled, raw[:, dim:], prior.chain.scaler.apply(raw)[:, dim:])
    return fit_familiarity(prompts) if prior.familiarity is None else widen(prior.familiarity, prompts)


def _export(
    plan: RefitPlan, prior: Artifact, found: LabelSet, labelled: list[Labelled], done: Refitted, fitted: Fitted
) -> Manifest:
    make_room(plan.out)
    win_rates = done.calibration.calibrator.apply(done.scores)
    curve = measure_curve(win_rates, _gain(labelled))
    facts = Facts(
        name=plan.name,
        version=plan.version,
        command=plan.command,
        description=f"{prior.manifest.label} refitted on labels of one's own; score: what the strong model gains",
        operating_points=operating_points(curve, len(labelled)),
        reference=reference_of(fitted, win_rates, np.array([row.weight for row in labelled], np.float64)),
        encoder_about=prior.manifest.encoder.about,
        training_data=[*prior.manifest.training_data, _source(plan, found)],
        measured={
            "calibration": done.calibration.figures(),
            "held_out": {"labels": held_out_figures(win_rates, _wins(labelled))},
            "held_out_curve": held_out_curve(
                [row.prompt for row in labelled], done.scores, _gain(labelled), prior=done.prior_scores
            ),
            "benchmarks": [],
        },
        extra={
            "seed": plan.seed,
            "dropped": [list(row[:3]) for row in found.drops.rows()],
            "refit": {
                "prior": prior.manifest.label,
                "labels": len(labelled),
                "pairs": found.of_pairs,
                "meaning": ASSUMED[found.of_pairs],
                "belief": round(done.belief, 4),
            },
        },
    )
    write_artifact(
        plan.out,
        encoder_folder=plan.artifact,
        chain=done.chain,
        curve=curve,
        golden=GOLDEN_PROMPTS,
        facts=facts,
        familiarity=fitted.familiarity,
    )
    return record_decisions(plan.out, Scorer(load_artifact(plan.out)))


def _source(plan: RefitPlan, found: LabelSet) -> dict[str, Any]:
    return {
        "name": plan.labels.name,
        "file": plan.labels.name,
        "origin": "given to train-router refit",
        "licence": "of the labels' owner",
        "commercial": True,
        "use": "train",
        "note": "labels of one's own traffic",
        "rows": len(found.labels) + found.drops.total,
        "kept": len(found.labels),
        "sha256": file_sha256(plan.labels),
    }


def _wins(labelled: list[Labelled]) -> FloatArray:
    return np.array([row.strong_wins for row in labelled], np.float64)


def _gain(labelled: list[Labelled]) -> FloatArray:
    return np.array([row.target for row in labelled], np.float64)
