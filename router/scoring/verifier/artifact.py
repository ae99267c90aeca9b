"""The verifier's folder: everything that serving needs of it. Written by training, read after the start, never run."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from router.errors import ArtifactError
from router.scoring.arrays import REMEDY, save_array
from router.scoring.artifact import shipped_places
from router.scoring.encoder import write_encoder
from router.scoring.manifest import check_hashes, file_sha256, write_manifest
from router.scoring.trees import TreesHead
from router.scoring.verifier.features import NAMES
from router.scoring.verifier.manifest import VerifierManifest, read_verifier_manifest
from router.scoring.verifier.pair_encoder import END, PAIR_ENCODER_FILE, START, PairEncoder
from router.scoring.verifier.tokens import RARITY_FILE, TABLE_FILES, TokenTable

TREES_FILE, STACKED_FILE = "trees.npy", "stacked.npy"
SHIPPED_NAME = "verifier"


@dataclass(frozen=True, slots=True)
class Parts:
    """What a folder holds: ``trees`` read ``features.NAMES``, ``stacked`` the same and the pair encoder's logit."""

    manifest: VerifierManifest
    table: TokenTable
    trees: TreesHead
    stacked: TreesHead | None = None
    pair_encoder: PairEncoder | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What training made: the token table (see ``TokenTable``), trees as node tables, the network's ONNX file."""

    tokenizer_json: str
    vectors: NDArray[np.int8]
    scales: NDArray[np.float32]
    rarity: NDArray[np.float32]
    trees: NDArray[np.void]
    stacked: NDArray[np.void] | None = None
    pair_encoder: Path | None = None


def load_parts(folder: Path, *, verify: bool = True) -> Parts:
    """Read a verifier's folder; the pair encoder is not loaded yet.

    Args:
        folder: ``models/verifier/<version>``.
        verify: also compare hashes.

    Raises:
        ArtifactError: missing, damaged, of a newer format or fitted on other features; the message names the file and
            the remedy.
    """
    manifest = read_verifier_manifest(folder)
    _check(folder, manifest)
    if verify:
        check_hashes(folder, manifest.files)
    table = TokenTable.load(folder)
    trees = TreesHead.load(folder / manifest.trees, len(NAMES))
    stacked = None if manifest.stacked is None else TreesHead.load(folder / manifest.stacked, len(NAMES) + 1)
    encoder = None if manifest.pair_encoder is None else open_pair_encoder(folder / manifest.pair_encoder, table)
    return Parts(manifest, table, trees, stacked, encoder)


def write_verifier(folder: Path, fitted: Fitted, about: VerifierManifest) -> VerifierManifest:
    """Write everything that serving reads into ``folder``; the same parts give the same bytes.

    Args:
        folder: created where it does not exist.
        fitted: the parts.
        about: what to say; its ``files``, ``feature_names``, ``trees``, ``stacked`` and ``pair_encoder`` are set here.

    Returns:
        the manifest as written.

    Raises:
        ArtifactError: the parts do not fit together.
    """
    write_encoder(folder, fitted.tokenizer_json, fitted.vectors, fitted.scales)
    save_array(folder / RARITY_FILE, fitted.rarity)
    TreesHead(fitted.trees, len(NAMES)).save(folder / TREES_FILE)
    if fitted.stacked is not None:
        TreesHead(fitted.stacked, len(NAMES) + 1).save(folder / STACKED_FILE)
    if fitted.pair_encoder is not None:
        # A server may have the old file mapped: it keeps it.
        (folder / PAIR_ENCODER_FILE).unlink(missing_ok=True)
        shutil.copyfile(fitted.pair_encoder, folder / PAIR_ENCODER_FILE)
    manifest = msgspec.structs.replace(
        about,
        feature_names=list(NAMES),
        trees=TREES_FILE,
        stacked=None if fitted.stacked is None else STACKED_FILE,
        pair_encoder=None if fitted.pair_encoder is None else PAIR_ENCODER_FILE,
    )
    hashes = {name: file_sha256(folder / name) for name in _needed(manifest)}
    manifest = msgspec.structs.replace(manifest, files=hashes)
    _check(folder, manifest)
    write_manifest(folder, manifest)
    return manifest


def default_verifier_path() -> Path:
    """The folder of the shipped verifier: inside an installed wheel, else in the source checkout; highest version.

    Raises:
        ArtifactError: there is none.
    """
    places = [place / SHIPPED_NAME for place in shipped_places()]
    versions = [path for place in places if place.is_dir() for path in place.iterdir() if path.name.isdecimal()]
    if not versions:
        raise ArtifactError(f"{places[1]}: no verifier there; make one with train-router verifier, or name a folder.")
    return max(versions, key=lambda path: int(path.name))


def _needed(manifest: VerifierManifest) -> list[str]:
    optional = (manifest.stacked, manifest.pair_encoder)
    return [*TABLE_FILES, manifest.trees, *(name for name in optional if name is not None)]


def _check(folder: Path, manifest: VerifierManifest) -> None:
    """Every file that is read must be listed, or its bytes would go unchecked; and the rule must fit the parts."""
    if tuple(manifest.feature_names) != NAMES:
        strange = sorted(set(manifest.feature_names) ^ set(NAMES))
        detail = f"such as '{strange[0]}'" if strange else "in another order"
        raise ArtifactError(
            f"{folder}: the verifier was fitted on other features than this version computes ({detail}); "
            "refit it with train-router verifier, or install the version of underdog-router that wrote it."
        )
    for name in _needed(manifest):
        if name not in manifest.files:
            raise ArtifactError(f"{folder}: the manifest lists no hash for {name}; {REMEDY}")
        if not (folder / name).is_file():
            raise ArtifactError(f"{folder / name}: missing; {REMEDY}")
    rule = manifest.combination
    if (rule.kind == "stacked") != (manifest.stacked is not None):
        raise ArtifactError(f"{folder}: stacked trees and a stacked combination go together; {REMEDY}")
    if manifest.pair_encoder is None and (rule.encoder or rule.kind == "stacked"):
        raise ArtifactError(f"{folder}: the combination counts on a pair encoder, and there is none; {REMEDY}")


def open_pair_encoder(path: Path, table: TokenTable) -> PairEncoder:
    """The network in a file, not loaded yet, for the ids of a table.

    Raises:
        ArtifactError: the table's tokenizer lacks what marks a text's start and end.
    """
    start, end = (table.tokenizer.token_to_id(token) for token in (START, END))
    if start is None or end is None:
        raise ArtifactError(
            f"{path.parent}: the tokenizer lacks {START} or {END}, which the pair encoder reads; {REMEDY}"
        )
    return PairEncoder(path, start, end)
