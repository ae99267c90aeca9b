"""Finding artifacts: by name, by version, by path."""

from __future__ import annotations

from pathlib import Path

import pytest

from router.artifacts.places import find, find_all
from router.errors import ArtifactError
from router.scoring.artifact import default_artifact_path
from tests.artifacts.support import make_artifact
from tests.scoring.verifier.parts import make_verifier


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder; the working folder is one without artifacts."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return tmp_path / "home"


def test_the_highest_version_of_a_name_is_taken_by_number(home: Path) -> None:
    for version in ("9", "10", "2"):
        make_artifact(home / "models", "mine", version)
    assert find("mine", home) == home / "models/mine/10"
    assert find("mine/9", home) == home / "models/mine/9"


def test_the_shipped_artifact_is_found_by_its_name(home: Path) -> None:
    assert find("default", home) == default_artifact_path().resolve()


def test_the_working_folder_comes_before_the_home_folder(home: Path) -> None:
    make_artifact(home / "models", "mine")
    make_artifact(Path("models"), "mine")
    assert find("mine", home) == Path("models/mine/1").resolve()


def test_a_path_is_taken_as_it_is(home: Path, tmp_path: Path) -> None:
    folder = make_artifact(tmp_path / "elsewhere", "mine", "3")
    assert find(str(folder), home) == folder
    assert find("../elsewhere/mine/3", home) == folder


def test_a_name_that_nothing_bears_is_answered_with_those_that_there_are(home: Path) -> None:
    make_artifact(home / "models", "mine")
    with pytest.raises(ArtifactError, match=r"yours: no artifact .* default/1, mine/1"):
        find("yours", home)


def test_a_manifest_that_cannot_be_read_is_listed_with_its_fault(home: Path) -> None:
    folder = make_artifact(home / "models", "mine")
    (folder / "manifest.json").write_text("{", encoding="utf-8")
    listed = {found.label: found.fault for found in find_all(home)}
    assert "not a valid manifest" in listed["mine/1"]
    assert listed["default/1"] == ""


def test_a_verifier_is_no_artifact_to_route_by(home: Path) -> None:
    folder = make_verifier(home / "models" / "judge" / "1")
    assert folder.resolve() not in {found.folder for found in find_all(home)}


def test_a_version_of_thousands_of_digits_is_a_fault_of_its_own_alone(home: Path) -> None:
    make_artifact(home / "models", "mine")
    manifest = make_artifact(home / "models", "odd") / "manifest.json"
    manifest.write_text(manifest.read_text("utf-8").replace('"version": "1"', f'"version": "{"9" * 5000}"'), "utf-8")
    assert find("mine", home) == home / "models/mine/1"
    faults = {found.label: found.fault for found in find_all(home) if found.fault}
    assert list(faults) == ["odd/1"]
    assert "is no plain name" in faults["odd/1"]
