"""What a verifier says about itself, and how that is read and written."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from router.scoring.manifest import read_manifest_as
from router.scoring.verifier.combination import Combination
from router.scoring.verifier.evidence import Evidence

FORMAT = 1
"""Newest format that this version reads, and the one that it writes."""


class VerifierManifest(Struct, frozen=True, kw_only=True):
    """Everything about a verifier that is not an array. Keys that we do not know are left alone.

    ``command`` reproduces it. ``files`` maps every file that serving reads to its SHA-256. ``trees`` is the file of
    those that read the features alone, ``stacked`` of those that read the logit too, ``pair_encoder`` of the network;
    None where there is none. ``evidence``: by kind of traps (questions, conversations), what thresholds rest on.
    ``settings``, ``training_data`` and ``measured`` are for people.
    """

    format: int = FORMAT
    kind: Literal["pair-verifier"] = "pair-verifier"
    name: str = "verifier"
    version: str
    command: str
    description: str
    files: dict[str, str]
    feature_names: list[str]
    trees: str
    stacked: str | None = None
    pair_encoder: str | None = None
    combination: Combination
    evidence: dict[str, Evidence]
    settings: dict[str, Any] = {}
    training_data: list[dict[str, Any]] = []
    measured: dict[str, Any] = {}

    @property
    def label(self) -> str:
        """Name and version as people see them, such as ``verifier/1``."""
        return f"{self.name}/{self.version}"

    @property
    def digest(self) -> str:
        """SHA-256 over the hashes of its files: scores of two verifiers compare only where it is equal."""
        return hashlib.sha256(msgspec.json.encode(self.files, order="sorted")).hexdigest()


def read_verifier_manifest(folder: Path) -> VerifierManifest:
    """Read and check ``manifest.json``.

    Raises:
        ArtifactError: missing, not valid, of a newer format, or with a name that is not plain.
    """
    return read_manifest_as(folder, VerifierManifest, FORMAT, _names)


def _names(manifest: VerifierManifest) -> list[str]:
    optional = (manifest.stacked, manifest.pair_encoder)
    return [manifest.name, manifest.version, *manifest.files, manifest.trees, *filter(None, optional)]
