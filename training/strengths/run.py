"""Writing the artifact of a new pair: another calibration, curve and operating points; everything else is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct

from router.errors import DataError
from router.scoring.artifact import Artifact, Facts, default_artifact_path, load_artifact, write_artifact
from router.scoring.chain import Chain
from router.scoring.manifest import Manifest
from router.scoring.scorer import Scorer
from training.decisions import record_decisions
from training.export import make_room
from training.golden_prompts import GOLDEN_PROMPTS
from training.report import write_report
from training.strengths.rates import TIE_MARGIN, Scale, base_rate
from training.strengths.shift import shift_to, shifted_calibrator, shifted_curve, shifted_reference
from training.tradeoff import measured_on, operating_points, point_lines

Say = Callable[[str], None]

MEANING = (
    "the win rates stand for a pair of models that was described by its strengths, not measured: their mean is what "
    "the strengths say; ranking and quality are those of the artifact it was made from"
)


class PairPlan(Struct, frozen=True, kw_only=True):
    """One pair: strengths on ``scale``; ``artifact`` the folder to start from, ``out`` the folder of the new one."""

    weak_strength: float
    strong_strength: float
    scale: Scale
    artifact: Path
    out: Path
    name: str
    version: str
    tie_margin: float = TIE_MARGIN

    def command(self, prior: str) -> str:
        """The command that repeats this run from the artifact called ``prior``, without the paths of one machine."""
        shipped = self.artifact.resolve() == default_artifact_path().resolve()
        start = "" if shipped else f" --artifact {prior}"
        ties = f" --tie-margin {self.tie_margin:g}" if self.scale == "elo" else ""
        return (
            f"train-router pair --weak-strength {self.weak_strength:g} --strong-strength {self.strong_strength:g} "
            f"--scale {self.scale}{ties}{start} --name {self.name}/{self.version}"
        )


def make_pair(plan: PairPlan, say: Say) -> Manifest:
    """Run a plan and leave an artifact in ``plan.out``; the artifact that it starts from is only read.

    Raises:
        DataError: strengths that cannot be, or ``out`` is the folder it starts from; says what to do.
        ArtifactError: the artifact cannot be used.
    """
    rate = base_rate(plan.weak_strength, plan.strong_strength, plan.scale, tie_margin=plan.tie_margin)
    if plan.out.resolve() == plan.artifact.resolve():
        raise DataError(f"{plan.out}: is the artifact that this starts from; name another folder with --out")
    prior = load_artifact(plan.artifact)
    if f"{plan.name}/{plan.version}" == prior.manifest.label:
        raise DataError(f"--name {prior.manifest.label}: is what this starts from; choose another name or version")
    shift = shift_to(prior.curve, rate)
    say(f"the strong answer is expected to be strictly better on {rate:.1%} of prompts: log-odds {shift:+.3f}")
    manifest = _export(plan, prior, rate, shift)
    for line in point_lines(manifest.operating_points):
        say(line)
    write_report(plan.out)
    say(f"wrote {plan.out}")
    return manifest


def _export(plan: PairPlan, prior: Artifact, rate: float, shift: float) -> Manifest:
    make_room(plan.out)
    old = prior.chain
    chain = Chain(old.inputs.encoder, old.scaler, old.blend, shifted_calibrator(old.calibrator, shift))
    curve = shifted_curve(prior.curve, shift)
    reference = prior.manifest.reference
    facts = Facts(
        name=plan.name,
        version=plan.version,
        command=plan.command(prior.manifest.label),
        description=f"{prior.manifest.label} with win rates for another pair of models, by their strengths",
        operating_points=operating_points(curve, measured_on(prior.manifest)),
        reference=None if reference is None else shifted_reference(reference, shift),
        encoder_about=prior.manifest.encoder.about,
        training_data=prior.manifest.training_data,
        measured={**prior.manifest.measured, "held_out": {}},
        extra={**prior.manifest.extra, "pair": _described(plan, prior, rate, shift)},
    )
    write_artifact(
        plan.out,
        encoder_folder=plan.artifact,
        chain=chain,
        curve=curve,
        golden=GOLDEN_PROMPTS,
        facts=facts,
        familiarity=prior.familiarity,
    )
    return record_decisions(plan.out, Scorer(load_artifact(plan.out)))


def _described(plan: PairPlan, prior: Artifact, rate: float, shift: float) -> dict[str, Any]:
    """What the manifest says of the pair that its win rates stand for."""
    return {
        "from": prior.manifest.label,
        "scale": plan.scale,
        "weak_strength": plan.weak_strength,
        "strong_strength": plan.strong_strength,
        "base_rate": round(rate, 6),
        "shift": shift,
        "meaning": MEANING,
    }
