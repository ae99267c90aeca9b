"""One refit, stage by stage: read -> score with the prior -> correct -> calibrate -> measure -> export -> report.

Calibration, curve and operating points are taken from cross-fitted scores: every label is scored by a chain that was
fitted, penalty included, on the other folds.
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
from training.export import make_room
from training.golden_prompts import GOLDEN_PROMPTS
from training.held_out import held_out_curve, held_out_figures
from training.pipeline import raw_rows
from training.records import Labelled
from training.refit.basis import Part, parts_of
from training.refit.correction import FOLDS, Correction, Task, cross_fitted, fit_correction
from training.refit.labels import LabelSet, as_labelled, read_labels
from training.report import write_report
from training.splits import split_by_group
from training.threads import one_thread
from training.tradeoff import measure_curve, operating_points, point_lines

FloatArray = NDArray[np.float64]
Matrix = NDArray[np.float32]
Say = Callable[[str], None]

DECIMALS = 10
LEAST_SPREAD = 1e-9

ASSUMED = {
    True: "both models were graded: the win rate is the chance that the strong answer is strictly better",
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
    """A corrected chain, calibrated, and scores float64 [N] of the labels: by cross-fitting, and by the prior."""

    chain: Chain
    calibration: Calibration
    correction: Correction
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
    done = fit_chain(prior.chain, labelled, raw_rows(prior.chain.inputs, [row.prompt for row in labelled]), plan.seed)
    say(_outcome(done))
    manifest = _export(plan, prior, found, labelled, done)
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
        DataError: fewer labels than calibration needs.
    """
    if len(labelled) < FEWEST_ROWS:
        raise DataError(f"{len(labelled)} labels are too few, at least {FEWEST_ROWS} are due; label more prompts")
    with one_thread():
        rows = prior.scaler.apply(raw)
        parts = parts_of(rows, prior.scaler, prior.inputs.encoder.dim, seed)
        task = Task(
            prior=prior.blend.predict(rows),
            basis=np.hstack([part.basis(rows) for part in parts]),
            gain=_gain(labelled),
            fold=_folds(labelled, seed),
        )
        held_out = cross_fitted(task)
        centre, spread = float(held_out.mean()), float(held_out.std())
        if spread <= LEAST_SPREAD:
            raise DataError("the labels hold nothing to learn: every prompt has the same one; label more prompts")
        correction = fit_correction(task)
    blend = _corrected(prior.blend, correction, parts, centre, spread)
    scores = (held_out - centre) / spread
    calibration = calibrate(scores, labelled)
    chain = Chain(prior.inputs.encoder, prior.scaler, blend, calibration.calibrator)
    return Refitted(chain, calibration, correction, scores, task.prior)


def _folds(labelled: list[Labelled], seed: int) -> NDArray[np.intp]:
    """The fold of each prompt, int [N]; prompts of one group share it."""
    dealt = split_by_group(labelled, {str(fold): 1.0 / FOLDS for fold in range(FOLDS)}, seed=seed)
    fold_of = {row.group: int(fold) for fold, rows in dealt.items() for row in rows}
    return np.array([fold_of[row.group] for row in labelled], np.intp)


def _corrected(prior: Blend, correction: Correction, parts: tuple[Part, ...], centre: float, spread: float) -> Blend:
    """The prior's heads by their trust and the correction's beside them, in units of the held-out scores' spread."""
    trust = correction.trust / spread
    heads = [BlendedHead(part.name, part.head, round(part.weight * trust, DECIMALS)) for part in prior.heads]
    if correction.penalty is not None:
        start = 0
        for added in parts:
            slopes = correction.slopes[start : start + added.size]
            start += added.size
            head = added.head(slopes / spread, prior.width, DECIMALS)
            heads.append(BlendedHead(_free_name(added.name, heads), head, 1.0))
    bias = (correction.intercept + correction.trust * prior.bias - centre) / spread
    return Blend(tuple(heads), round(bias, DECIMALS))


def _free_name(name: str, heads: list[BlendedHead]) -> str:
    """``name``, numbered where an earlier refit has left a head of that name."""
    taken = {part.name for part in heads}
    return next(free for free in (name, *(f"{name}-{n}" for n in range(2, len(heads) + 3))) if free not in taken)


def _outcome(done: Refitted) -> str:
    if done.correction.penalty is None:
        return "the labels do not clearly improve on the prior's ranking, so it stays; the win rates are recalibrated"
    return f"corrected with penalty {done.correction.penalty:g}, chosen by cross-validation over the labels"


def _export(plan: RefitPlan, prior: Artifact, found: LabelSet, labelled: list[Labelled], done: Refitted) -> Manifest:
    make_room(plan.out)
    win_rates = done.calibration.calibrator.apply(done.scores)
    curve = measure_curve(win_rates, _gain(labelled))
    facts = Facts(
        name=plan.name,
        version=plan.version,
        command=plan.command,
        description=f"{prior.manifest.label} refitted on labels of one's own; score: what the strong model gains",
        operating_points=operating_points(curve, len(labelled)),
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
                "penalty": done.correction.penalty,
            },
        },
    )
    write_artifact(
        plan.out, encoder_folder=plan.artifact, chain=done.chain, curve=curve, golden=GOLDEN_PROMPTS, facts=facts
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
