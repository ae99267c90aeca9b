"""The artifact: one flat folder with everything serving needs. Written by training, read at start-up, never run."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import Struct

from router.errors import ArtifactError
from router.scoring.arrays import REMEDY
from router.scoring.bounded import BoundedHead
from router.scoring.calibration import Calibrator
from router.scoring.chain import Chain
from router.scoring.classifier import Blend, BlendedHead, Head, LinearHead, MlpHead
from router.scoring.curve import Curve, OperatingPoint
from router.scoring.encoder import ENCODER_FILES, StaticEncoder, encoder_sha256
from router.scoring.familiarity import FAMILIARITY_FILES, Familiarity
from router.scoring.features import FEATURE_NAMES
from router.scoring.golden import GOLDEN_FILE, replay_golden, write_golden
from router.scoring.inputs import Scaler
from router.scoring.manifest import (
    EncoderInfo,
    HeadInfo,
    Manifest,
    check_hashes,
    file_sha256,
    read_manifest,
    write_manifest,
)
from router.scoring.neighbours import NeighboursHead
from router.scoring.reference import Reference
from router.scoring.trees import TreesHead

SCALER_FILE = "scaler.npy"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A loaded artifact: the manifest, and the parts ready to run. Earlier versions wrote none with ``familiarity``."""

    manifest: Manifest
    chain: Chain
    curve: Curve
    familiarity: Familiarity | None = None


class Facts(Struct, frozen=True, kw_only=True):
    """What the writer of an artifact says about it; see ``Manifest`` for the meaning of each field."""

    name: str
    version: str
    command: str
    description: str
    operating_points: dict[str, OperatingPoint]
    reference: Reference | None = None
    encoder_about: dict[str, str] = {}
    training_data: list[dict[str, Any]] = []
    measured: dict[str, Any] = {}
    extra: dict[str, Any] = {}


def load_artifact(folder: Path, *, verify: bool = True) -> Artifact:
    """Load an artifact.

    Args:
        folder: ``models/<name>/<version>``.
        verify: also compare hashes and replay the golden rows. Structure is always checked.

    Raises:
        ArtifactError: missing, damaged, of an unknown format, fitted on other features, or its golden rows do not
            replay. The message names the file and the remedy.
    """
    manifest = read_manifest(folder)
    _check_features(folder, manifest)
    _check_listed(folder, manifest)
    if verify:
        check_hashes(folder, manifest.files)
    try:
        chain = _read_chain(folder, manifest)
        curve = Curve(manifest.curve)
        familiarity = None if manifest.familiarity is None else Familiarity.load(folder, manifest.familiarity)
    except ArtifactError as error:
        raise _located(folder, error) from error
    if verify:
        replay_golden(folder, chain, familiarity)
    return Artifact(manifest, chain, curve, familiarity)


def write_artifact(
    folder: Path,
    *,
    encoder_folder: Path,
    chain: Chain,
    curve: Curve,
    golden: Sequence[str],
    facts: Facts,
    familiarity: Familiarity | None = None,
) -> Manifest:
    """Write everything that serving reads into ``folder``; the same parts give the same bytes.

    Args:
        folder: created where it does not exist. Documents for people may be put beside it, before or after.
        encoder_folder: holds the files that ``chain``'s encoder was loaded from; may be ``folder`` itself.
        chain: the calibrated chain, as it was measured.
        curve: what its thresholds were measured to give.
        golden: prompts of our own to record, 12 to 24.
        facts: what to say about it.
        familiarity: what its training prompts looked like; without it no prompt is called unfamiliar.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ENCODER_FILES:
        if encoder_folder.resolve() != folder.resolve():
            # A server may have the old file mapped: it keeps it, where a truncated one would kill it.
            (folder / name).unlink(missing_ok=True)
            shutil.copyfile(encoder_folder / name, folder / name)
    chain.scaler.save(folder / SCALER_FILE)
    heads = _write_heads(folder, chain.blend)
    if familiarity is not None:
        familiarity.save(folder)
    write_golden(folder, chain, golden, familiarity)
    names = [*ENCODER_FILES, SCALER_FILE, GOLDEN_FILE, *(head.file for head in heads)]
    names += FAMILIARITY_FILES if familiarity is not None else ()
    hashes = {name: file_sha256(folder / name) for name in names}
    manifest = _manifest(chain, curve, heads, hashes, facts, familiarity)
    write_manifest(folder, manifest)
    return manifest


def shipped_places() -> list[Path]:
    """Where shipped artifacts may lie, as NAME/VERSION: inside an installed wheel, and in the source checkout."""
    package = Path(__file__).resolve().parents[1]
    return [package / "_models", package.parent / "models"]


def default_artifact_path() -> Path:
    """The folder of the shipped artifact: inside an installed wheel, else in the source checkout; highest version.

    Raises:
        ArtifactError: there is none.
    """
    places = [place / "default" for place in shipped_places()]
    versions = [path for place in places if place.is_dir() for path in place.iterdir() if path.name.isdecimal()]
    if not versions:
        raise ArtifactError(f"{places[1]}: no artifact there; make one with train-router, or name a folder.")
    return max(versions, key=lambda path: int(path.name))


def _write_heads(folder: Path, blend: Blend) -> list[HeadInfo]:
    infos = []
    for part in blend.heads:
        file = f"head-{part.name}.npy"
        part.head.save(folder / file)
        infos.append(HeadInfo(name=part.name, kind=part.head.kind, file=file, weight=part.weight))
    return infos


def _manifest(
    chain: Chain,
    curve: Curve,
    heads: list[HeadInfo],
    hashes: dict[str, str],
    facts: Facts,
    familiarity: Familiarity | None,
) -> Manifest:
    encoder = chain.inputs.encoder
    return Manifest(
        name=facts.name,
        version=facts.version,
        command=facts.command,
        description=facts.description,
        encoder=EncoderInfo(
            dim=encoder.dim,
            vocabulary=encoder.vocabulary,
            sha256=encoder_sha256(hashes),
            about=facts.encoder_about,
        ),
        files=hashes,
        feature_names=list(FEATURE_NAMES),
        heads=heads,
        bias=chain.blend.bias,
        calibration=chain.calibrator.to_dict(),
        curve=curve.points(),
        operating_points=facts.operating_points,
        familiarity=None if familiarity is None else familiarity.limits,
        reference=facts.reference,
        training_data=facts.training_data,
        measured=facts.measured,
        extra=facts.extra,
    )


def _check_features(folder: Path, manifest: Manifest) -> None:
    if tuple(manifest.feature_names) == FEATURE_NAMES:
        return
    strange = sorted(set(manifest.feature_names) ^ set(FEATURE_NAMES))
    detail = f"such as '{strange[0]}'" if strange else "in another order"
    raise ArtifactError(
        f"{folder}: fitted on other features than this version computes ({detail}); refit it with train-router, "
        "or install the version of underdog-router that wrote it."
    )


def _check_listed(folder: Path, manifest: Manifest) -> None:
    """Every file that is read must be listed, or its bytes would go unchecked."""
    needed = [*ENCODER_FILES, SCALER_FILE, GOLDEN_FILE, *(head.file for head in manifest.heads)]
    needed += FAMILIARITY_FILES if manifest.familiarity is not None else ()
    for name in needed:
        if name not in manifest.files:
            raise ArtifactError(f"{folder}: the manifest lists no hash for {name}; {REMEDY}")
        if not (folder / name).is_file():
            raise ArtifactError(f"{folder / name}: missing; {REMEDY}")
    if manifest.encoder.sha256 != encoder_sha256(manifest.files):
        raise ArtifactError(f"{folder}: the manifest's encoder hash does not belong to its files; {REMEDY}")


def _read_chain(folder: Path, manifest: Manifest) -> Chain:
    encoder = StaticEncoder.load(folder)
    scaler = Scaler.load(folder / SCALER_FILE)
    width = len(scaler.mean)
    heads = tuple(BlendedHead(info.name, _read_head(folder, info, width), info.weight) for info in manifest.heads)
    return Chain(encoder, scaler, Blend(heads, manifest.bias), Calibrator.from_dict(manifest.calibration))


def _read_head(folder: Path, info: HeadInfo, width: int) -> Head:
    path = folder / info.file
    if info.kind == LinearHead.kind:
        return LinearHead.load(path)
    if info.kind == MlpHead.kind:
        return MlpHead.load(path)
    if info.kind == TreesHead.kind:
        return TreesHead.load(path, width)
    if info.kind == BoundedHead.kind:
        return BoundedHead.load(path)
    if info.kind == NeighboursHead.kind:
        return NeighboursHead.load(path, width)
    raise ArtifactError(f"{path}: head of unknown kind '{info.kind}'; upgrade underdog-router.")


def _located(folder: Path, error: ArtifactError) -> ArtifactError:
    message = str(error)
    return error if message.startswith(str(folder)) else ArtifactError(f"{folder}: {message}")
