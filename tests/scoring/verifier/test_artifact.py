"""The verifier's folder: what is missing, damaged or foreign is named, with the remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from router.errors import ArtifactError
from router.scoring.verifier.artifact import Fitted, write_verifier
from router.scoring.verifier.combination import Combination
from router.scoring.verifier.manifest import VerifierManifest
from router.scoring.verifier.verifier import PairVerifier
from tests.scoring.verifier.parts import make_verifier

FILES = ["tokenizer.json", "vectors.npy", "scales.npy", "rarity.npy", "trees.npy", "pair.onnx"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_verifier(tmp_path / "1", rule=Combination(encoder=1.0), network=True)


def test_the_same_parts_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    again = make_verifier(tmp_path / "again" / "1", rule=Combination(encoder=1.0), network=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        path.name: path.read_bytes() for path in again.iterdir()
    }


def test_all_files_but_the_manifest_are_listed_with_their_hashes(folder: Path) -> None:
    manifest = PairVerifier.load(folder).manifest
    assert sorted(manifest.files) == sorted(FILES)
    assert manifest.label == "tiny/1"


@pytest.mark.parametrize("name", FILES)
def test_a_file_whose_bytes_changed_is_named(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).unlink()
    (folder / name).write_bytes(content)
    with pytest.raises(ArtifactError, match=rf"{name}.*SHA-256.*fetch the artifact again"):
        PairVerifier.load(folder)


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ArtifactError, match=name):
        PairVerifier.load(folder)


@pytest.mark.parametrize("name", ["vectors.npy", "scales.npy", "rarity.npy", "trees.npy"])
def test_structure_is_checked_even_where_hashes_are_not(folder: Path, name: str) -> None:
    (folder / name).unlink()
    np.save(folder / name, np.zeros(3, np.int64))
    with pytest.raises(ArtifactError, match=str(folder)):
        PairVerifier.load(folder, verify=False)


def edited(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    manifest = msgspec.json.decode((folder / "manifest.json").read_bytes())
    change(manifest)
    (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    return folder


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda found: found.update(format=99), "newer than this version"),
        (lambda found: found.update(kind="router"), "not a valid manifest"),
        (lambda found: found["feature_names"].reverse(), "in another order"),
        (lambda found: found["feature_names"].append("mood"), "'mood'"),
        (lambda found: found["files"].pop("trees.npy"), "no hash for trees.npy"),
        (lambda found: found.update(trees="../trees.npy"), "no plain name"),
        (lambda found: found.update(pair_encoder=None), "no.* there is none|there is none"),
        (lambda found: found["combination"].update(kind="stacked"), "go together"),
        (lambda found: found["combination"].update(trees=-1), "turn a verdict round"),
        (lambda found: found["evidence"]["questions"].update(tail=[1.0, 2.0]), "highest first"),
    ],
)
def test_a_manifest_that_cannot_be_right_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    with pytest.raises(ArtifactError, match=said):
        PairVerifier.load(edited(folder, change))


def test_keys_that_are_not_known_are_left_alone(folder: Path) -> None:
    assert PairVerifier.load(edited(folder, lambda found: found.update(mood="fine"))).manifest.name == "tiny"


def test_a_table_that_does_not_fit_the_tokenizer_is_not_written(folder: Path, tmp_path: Path) -> None:
    manifest = PairVerifier.load(folder).manifest
    fitted = Fitted(
        tokenizer_json=(folder / "tokenizer.json").read_text(encoding="utf-8"),
        vectors=np.zeros((2, 4), np.int8),
        scales=np.ones(2, np.float32),
        rarity=np.ones(2, np.float32),
        trees=np.load(folder / "trees.npy"),
    )
    with pytest.raises(ArtifactError, match="different encoders"):
        write_verifier(tmp_path / "bad", fitted, about_of(manifest))


def about_of(manifest: VerifierManifest) -> VerifierManifest:
    return msgspec.structs.replace(manifest, combination=Combination())
