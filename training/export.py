"""The only stage that writes an artifact: parts and measurements in, a folder out that serving loads and verifies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from router.errors import DataError
from router.scoring.artifact import Facts, load_artifact, write_artifact
from router.scoring.chain import Chain
from router.scoring.curve import Curve, OperatingPoint
from router.scoring.familiarity import Familiarity
from router.scoring.manifest import MANIFEST_FILE, Manifest, read_manifest
from router.scoring.reference import Reference
from router.scoring.scorer import Scorer
from training.corpus import Corpus
from training.decisions import record_decisions
from training.golden_prompts import GOLDEN_PROMPTS
from training.plan import Plan

ENCODER_ABOUT_FILE = "encoder.json"
HEAD_FILES = "head-*.npy"
REFERENCE_FILES = "familiar-*.npy"


class Measured(Struct, frozen=True, kw_only=True):
    """What a run measured: operating points, calibration, held-out figures and curve, benchmarks, and the prompts.

    ``familiarity`` and ``reference`` describe the training prompts: one tells which prompts are unlike them, the other
    what live traffic is compared with.
    """

    operating_points: dict[str, OperatingPoint]
    calibration: dict[str, Any]
    held_out: dict[str, Any]
    held_out_curve: dict[str, Any]
    benchmarks: list[dict[str, Any]]
    familiarity: Familiarity
    reference: Reference


def export(
    plan: Plan, chain: Chain, curve: Curve, measured: Measured, corpus: Corpus, encoder_folder: Path
) -> Manifest:
    """Write the artifact to ``plan.out`` and load it again as a server would: hashes, structure, golden rows.

    Raises:
        DataError: the folder holds something that is no artifact.
        ArtifactError: what was written does not load.
    """
    make_room(plan.out)
    facts = Facts(
        name=plan.name,
        version=plan.version,
        command=plan.command,
        description=f"{plan.classifier} classifier over a static encoder; score: how hard for the weak model",
        operating_points=measured.operating_points,
        reference=measured.reference,
        encoder_about=encoder_about(encoder_folder),
        training_data=[_as_dict(source) for source in corpus.sources],
        measured={
            "calibration": measured.calibration,
            "held_out": measured.held_out,
            "held_out_curve": measured.held_out_curve,
            "benchmarks": measured.benchmarks,
        },
        extra={
            "seed": plan.seed,
            "classifier": plan.classifier,
            "dropped": [list(row[:3]) for row in corpus.drops.rows()],
            "not_read": list(corpus.ignored),
        },
    )
    write_artifact(
        plan.out,
        encoder_folder=encoder_folder,
        chain=chain,
        curve=curve,
        golden=GOLDEN_PROMPTS,
        facts=facts,
        familiarity=measured.familiarity,
    )
    return record_decisions(plan.out, Scorer(load_artifact(plan.out)))


def encoder_about(folder: Path) -> dict[str, str]:
    """Where an encoder comes from, as its folder says: a distilled encoder's note, or the manifest of an artifact."""
    note = folder / ENCODER_ABOUT_FILE
    if note.is_file():
        return msgspec.json.decode(note.read_bytes(), type=dict[str, str])
    if (folder / MANIFEST_FILE).is_file():
        return read_manifest(folder).encoder.about
    return {}


def make_room(folder: Path) -> None:
    """Remove the heads and the reference of an earlier run; refuse a folder with files that are not an artifact's."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST_FILE).is_file():
        raise DataError(f"{folder}: is not empty and holds no artifact; name another folder with --out")
    for path in (*folder.glob(HEAD_FILES), *folder.glob(REFERENCE_FILES)):
        path.unlink()


def _as_dict(record: Struct) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(record)
    return fields
