"""One training run, stage by stage: read -> label -> split -> fit -> calibrate -> measure -> export -> report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.scoring.calibration import Calibrator
from router.scoring.chain import Chain
from router.scoring.curve import Curve
from router.scoring.encoder import StaticEncoder
from router.scoring.familiarity import UNFAMILIAR_ABOVE
from router.scoring.manifest import MANIFEST_FILE, Manifest
from training.calibrate import Calibration, calibrate
from training.corpus import Corpus
from training.encoders import encoder_folder, load_encoder
from training.encoding import raw_rows
from training.evaluate import BENCHMARKS, Benchmark, measured_json
from training.export import Measured, export
from training.familiarity import Fitted, Prompts, fit_familiarity
from training.fit import Design, Means, fit_classifier, fit_scaler
from training.gains import Key, gains
from training.held_out import held_out_by_family, held_out_curve
from training.labels import label
from training.plan import Plan
from training.progress import progress
from training.reading import read_corpus, test_set_folder, test_set_lines, without_tests
from training.records import Labelled
from training.reference import reference_of
from training.report import write_report
from training.splits import split_by_group
from training.tradeoff import USUAL_POINT, measure_curve, operating_points, point_lines
from training.workplace import Here, Workplace

SLICES: Mapping[str, float] = {"fit": 0.8, "calibrate": 0.2}
"""Shares of the prompt groups. No prompt both teaches the classifier and calibrates it."""

FOLDS = 5
"""Votes are few, so the curve is measured by cross-fitting: each fold by a scorer that was fitted on the others."""

Say = Callable[[str], None]
"""Where a run says what it does, one line at a time."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Labelled prompts with their raw input rows, float32 [N, D]."""

    labelled: list[Labelled]
    raw: NDArray[np.float32]

    @property
    def weight(self) -> NDArray[np.float64]:
        """Weights float64 [N]."""
        return np.array([row.weight for row in self.labelled], np.float64)

    def only(self, mask: NDArray[np.bool_]) -> Slice:
        """The prompts where ``mask`` [N] holds."""
        return Slice([row for row, kept in zip(self.labelled, mask, strict=True) if kept], self.raw[mask])


def train(plan: Plan, say: Say, workplace: Workplace | None = None) -> Manifest:
    """Run a plan and leave an artifact in ``plan.out``.

    Args:
        plan: what to do.
        say: told what is done.
        workplace: where prompts are encoded and trees grown; this process where None.

    Raises:
        DataError: the data cannot be used; says which and what to do.
        ArtifactError: what was written does not load.
        ClusterError: the workplace is a cluster, and failed.
    """
    with TemporaryDirectory() as scratch:
        return _train(plan, workplace if workplace is not None else Here(), Path(scratch), say)


def _train(plan: Plan, workplace: Workplace, scratch: Path, say: Say) -> Manifest:
    for line in test_set_lines(plan):
        say(line)
    corpus = read_corpus(plan)
    folder = _encoder_folder(plan, corpus, scratch, say)
    encoder = load_encoder(folder)
    encoding = workplace.encoding(encoder, folder)
    corpus = without_tests(corpus, plan, encoding.vectors)
    say(corpus.summary())

    labelled = label(corpus)
    slices = {
        name: Slice(rows, encoding.rows([row.prompt for row in rows]))
        for name, rows in split_by_group(labelled, SLICES, seed=plan.seed).items()
    }
    say("prompts: " + ", ".join(f"{len(part.labelled):,} to {name}" for name, part in slices.items()))

    fit = Fit(plan.classifier, encoder, Means(dim=encoder.dim, seed=plan.seed, boost=workplace.boost))
    chain, calibration = fit(slices["fit"], slices["calibrate"])
    say("heads: " + ", ".join(f"{part.name} (weight {part.weight:.3g})" for part in chain.blend.heads))
    say(
        f"calibrated on {calibration.n:,} prompts: log loss {calibration.log_loss:.4f}, "
        f"{calibration.prior_log_loss:.4f} for a constant"
    )

    win_rates = cross_fitted(fit, slices["fit"], slices["calibrate"])
    fitted = _familiar(chain, [*slices.values()])
    say(f"familiar: {len(fitted.prompts.texts):,} prompts; {_alarms(fitted)} of them unfamiliar while held out")
    tradeoff, measured = _measure(plan, chain, win_rates, slices["fit"], gains(corpus), calibration, fitted)
    done = "replaced" if (plan.out / MANIFEST_FILE).is_file() else "wrote"
    manifest = export(plan, chain, tradeoff, measured, corpus.recounted(), folder)
    for line in point_lines(manifest.operating_points):
        say(line)
    write_report(plan.out)
    say(f"{done} {plan.out}")
    return manifest


def _encoder_folder(plan: Plan, corpus: Corpus, scratch: Path, say: Say) -> Path:
    if plan.teacher is not None:
        from training.distill import Teacher, distill, distillation_texts

        texts = distillation_texts(corpus)
        say(f"distilling {plan.teacher} on {len(texts):,} texts")
        distill(Teacher.load(plan.teacher), texts, scratch)
        return scratch
    return encoder_folder(plan.encoder)


@dataclass(frozen=True, slots=True)
class Fit:
    """Fits a ``classifier`` of one kind over one encoder, by the same ``means`` each time."""

    classifier: str
    encoder: StaticEncoder
    means: Means

    def __call__(self, part: Slice, calibration_part: Slice) -> tuple[Chain, Calibration]:
        """Fit on one slice, then calibrate the very chain that will be served on another."""
        scaler = fit_scaler(part.raw, part.weight, self.encoder.dim)
        design = Design.of(part.labelled, scaler.apply(part.raw))
        blend = fit_classifier(self.classifier, design, self.means)
        uncalibrated = Chain(self.encoder, scaler, blend, Calibrator.platt(1.0, 0.0))
        calibration = calibrate(uncalibrated.scores(calibration_part.raw), calibration_part.labelled)
        return Chain(self.encoder, scaler, blend, calibration.calibrator), calibration


def cross_fitted(fit: Fit, part: Slice, calibration_part: Slice) -> NDArray[np.float64]:
    """Win rates float64 [N] of the slice's prompts, each by a chain that never saw its group."""
    seed = fit.means.seed + 1
    dealt = split_by_group(part.labelled, {str(fold): 1.0 / FOLDS for fold in range(FOLDS)}, seed=seed)
    fold_of = {row.group: fold for fold, rows in dealt.items() for row in rows}
    folds = np.array([fold_of[row.group] for row in part.labelled])
    win_rates = np.empty(len(folds))
    for fold in progress(dealt, label="measuring", unit="folds"):
        here = folds == fold
        chain, _ = fit(part.only(~here), calibration_part)
        win_rates[here] = chain.calibrator.apply(chain.scores(part.raw[here]))
    return win_rates


def _familiar(chain: Chain, parts: Sequence[Slice]) -> Fitted:
    """What all training prompts look like, by the features that the chain reads."""
    raw = np.concatenate([part.raw for part in parts])
    dim = chain.inputs.encoder.dim
    labelled = [row for part in parts for row in part.labelled]
    return fit_familiarity(Prompts.of(labelled, raw[:, dim:], chain.scaler.apply(raw)[:, dim:]))


def _alarms(fitted: Fitted) -> str:
    return f"{np.average(fitted.held_out > UNFAMILIAR_ABOVE, weights=fitted.prompts.weight):.1%}"


def _measure(
    plan: Plan,
    chain: Chain,
    win_rates: NDArray[np.float64],
    part: Slice,
    gain_of: Mapping[Key, float],
    calibration: Calibration,
    fitted: Fitted,
) -> tuple[Curve, Measured]:
    """The curve over held-out win rates, how well these hold, and the benchmarks."""
    families = {"chat"} if calibration.family == "chat" else {"chat", "exam"}
    known = [n for n, row in enumerate(part.labelled) if row.family in families and _key(row) in gain_of]
    gain = np.array([gain_of[_key(part.labelled[place])] for place in known])
    tradeoff = measure_curve(win_rates[known], gain)
    points = operating_points(tradeoff, len(known))
    measured = Measured(
        operating_points=points,
        calibration=calibration.figures(),
        held_out=held_out_by_family(win_rates, part.labelled),
        held_out_curve=held_out_curve([part.labelled[place].prompt for place in known], win_rates[known], gain),
        benchmarks=_benchmarks(plan, chain, points[USUAL_POINT].threshold),
        familiarity=fitted.familiarity,
        reference=reference_of(fitted, win_rates, part.weight),
    )
    return tradeoff, measured


def _key(row: Labelled) -> Key:
    return row.source, row.prompt


def _benchmarks(plan: Plan, chain: Chain, threshold: float) -> list[dict[str, Any]]:
    folder = test_set_folder(plan) if plan.evaluate else None
    if folder is None:
        return []
    reports = []
    for name in BENCHMARKS:
        benchmark = Benchmark.load(name, folder)
        scores = chain.scores(raw_rows(chain.inputs, benchmark.prompts))
        win_rates = chain.calibrator.apply(scores)
        artifact = f"{plan.name}/{plan.version}"
        reports.append(measured_json(benchmark, scores, win_rates, threshold=threshold, artifact=artifact))
    return reports
