"""The manifest: what an artifact says about itself, and how it is written and read."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from router.errors import UNREADABLE_JSON, ArtifactError
from router.scoring.arrays import REMEDY
from router.scoring.curve import CurvePoints, OperatingPoint
from router.scoring.familiarity import FamiliarityLimits
from router.scoring.reference import Reference

FORMAT = 1
"""Newest artifact format that this version reads, and the one that it writes."""

MANIFEST_FILE = "manifest.json"
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""What names in a manifest look like: they appear in HTTP headers, paths and terminals, and versions are compared."""

PLAIN_NAME_RULE = "letters, digits, '.', '_', '-'; at most 100"
_CHUNK_BYTES = 1 << 20


class EncoderInfo(Struct, frozen=True, kw_only=True):
    """Identity of the encoder. ``about`` says where it comes from: teacher, licence, method."""

    dim: int
    vocabulary: int
    sha256: str
    about: dict[str, str] = {}


class HeadInfo(Struct, frozen=True, kw_only=True):
    """One head of the classifier, its file and its weight in the blend.

    ``kind``: ``linear``, ``bounded``, ``trees``, ``mlp`` or ``neighbours``.
    """

    name: str
    kind: str
    file: str
    weight: float


class Manifest(Struct, frozen=True, kw_only=True):
    """Everything about an artifact that is not an array. Keys that we do not know are left alone.

    ``command`` reproduces the artifact. ``files`` maps every file that serving reads to its SHA-256. ``calibration``
    has the calibrator's knots. ``training_data`` and ``measured`` are for people and for the model card. Artifacts of
    earlier versions have no ``familiarity`` and no ``reference``: they call no prompt unfamiliar and tell of no drift.
    """

    format: int = FORMAT
    name: str
    version: str
    command: str
    description: str
    encoder: EncoderInfo
    files: dict[str, str]
    feature_names: list[str]
    heads: list[HeadInfo]
    bias: float
    calibration: dict[str, list[float]]
    curve: CurvePoints
    operating_points: dict[str, OperatingPoint]
    familiarity: FamiliarityLimits | None = None
    reference: Reference | None = None
    training_data: list[dict[str, Any]] = []
    measured: dict[str, Any] = {}
    extra: dict[str, Any] = {}

    @property
    def label(self) -> str:
        """Name and version as people see them, such as ``default/1``."""
        return f"{self.name}/{self.version}"

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of all that it says: tells apart artifacts that bear the same name and version."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()


class _Format(Struct):
    format: int


class _Kind(Struct):
    kind: str | None = None


Described = TypeVar("Described", bound=Struct)


def read_manifest(folder: Path) -> Manifest:
    """Read and check ``manifest.json``.

    Raises:
        ArtifactError: missing, not valid, of a format that is newer than ours, or with a name that is not plain.
    """
    return read_manifest_as(folder, Manifest, FORMAT, _names)


def read_manifest_as(
    folder: Path, kind: type[Described], newest: int, names_in: Callable[[Described], Iterable[str]]
) -> Described:
    """Read and check the ``manifest.json`` of any kind of artifact.

    Args:
        folder: where it lies.
        kind: what it holds, a ``format`` among it.
        newest: the newest format that is read.
        names_in: what must be plain names, such as files: none may lead out of the folder.

    Raises:
        ArtifactError: missing, not valid, of a newer format, or with a name that is not plain.
    """
    path = folder / MANIFEST_FILE
    try:
        body = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be read ({error.strerror}); {REMEDY}") from error
    try:
        found = msgspec.json.decode(body, type=_Format).format
        if found > newest:
            raise ArtifactError(
                f"{path}: format {found} is newer than this version reads ({newest}); upgrade underdog-router."
            )
        manifest = msgspec.json.decode(body, type=kind)
    except UNREADABLE_JSON as error:
        raise ArtifactError(f"{path}: not a valid manifest ({error}); {REMEDY}") from error
    for name in names_in(manifest):
        if not PLAIN_NAME.fullmatch(name):
            raise ArtifactError(f"{path}: {name[:100]!r} is no plain name ({PLAIN_NAME_RULE}); {REMEDY}")
    return manifest


def _names(manifest: Manifest) -> Iterator[str]:
    yield manifest.name
    yield manifest.version
    yield from manifest.files
    yield from manifest.operating_points
    for head in manifest.heads:
        yield head.file


def kind_of(folder: Path) -> str | None:
    """What the manifest says the folder holds, such as ``pair-verifier``; None for classifiers, which say nothing."""
    with contextlib.suppress(OSError, *UNREADABLE_JSON):
        return msgspec.json.decode((folder / MANIFEST_FILE).read_bytes(), type=_Kind).kind
    return None


def write_manifest(folder: Path, manifest: Struct) -> None:
    """Write ``manifest.json``: sorted keys, no time stamps, the same bytes for the same content."""
    body = msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=2)
    (folder / MANIFEST_FILE).write_bytes(body + b"\n")


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hex; raises ``ArtifactError`` where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be read ({error.strerror}); {REMEDY}") from error
    return digest.hexdigest()


def check_hashes(folder: Path, files: Mapping[str, str]) -> None:
    """Compare every listed file with its hash; raises ``ArtifactError`` naming the first that differs."""
    for name, expected in sorted(files.items()):
        if file_sha256(folder / name) != expected:
            raise ArtifactError(f"{folder / name}: its SHA-256 is not the one in {MANIFEST_FILE}; {REMEDY}")
