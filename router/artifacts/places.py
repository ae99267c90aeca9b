"""Where artifacts lie, and finding one by its name."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct

from router.errors import ArtifactError
from router.scoring.artifact import shipped_places
from router.scoring.manifest import MANIFEST_FILE, Manifest, kind_of, read_manifest

MODELS_FOLDER = "models"
"""Where ``train-router`` writes artifacts, in the working folder; and the folder of that name in the home folder."""

_LABEL = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:/(?P<version>[A-Za-z0-9][A-Za-z0-9._-]*))?")


class Found(Struct, frozen=True, kw_only=True):
    """An artifact's folder, and its manifest, or why that cannot be read."""

    folder: Path
    manifest: Manifest | None
    fault: str = ""

    @property
    def label(self) -> str:
        """Its name and version; by its place where the manifest cannot say."""
        return self.manifest.label if self.manifest else f"{self.folder.parent.name}/{self.folder.name}"


def find_all(home: Path) -> list[Found]:
    """Every artifact of the working folder, of the home folder and those that ship, in that order of preference.

    Sorted by name and version, the highest version last. What says that it is of another kind, as verifiers do, is
    left out.
    """
    folders = [
        path.parent
        for place in _places(home)
        if place.is_dir()
        for path in sorted(place.glob(f"*/*/{MANIFEST_FILE}"))
        if kind_of(path.parent) is None
    ]
    return sorted(map(_look, dict.fromkeys(folder.resolve() for folder in folders)), key=_order)


def find(wanted: str, home: Path) -> Path:
    """The folder of an artifact.

    Args:
        wanted: ``NAME``, whose highest version is taken, ``NAME/VERSION``, or the path of a folder.
        home: the home folder, whose ``models`` is searched too.

    Raises:
        ArtifactError: there is none; says which there are.
    """
    known = [found for found in find_all(home) if found.manifest]
    label = _LABEL.fullmatch(wanted)
    if label:
        named = [found for found in known if found.label == wanted or found.label.startswith(f"{wanted}/")]
        if named:
            best = _order(named[-1])
            return next(found.folder for found in named if _order(found) == best)
    folder = Path(wanted).expanduser()
    if (folder / MANIFEST_FILE).is_file():
        return folder.resolve()
    names = ", ".join(dict.fromkeys(found.label for found in known)) or "none"
    raise ArtifactError(f"{wanted}: no artifact of that name, nor a folder with one. Known here: {names}.")


def _places(home: Path) -> list[Path]:
    return [Path(MODELS_FOLDER), home / MODELS_FOLDER, *shipped_places()]


def _look(folder: Path) -> Found:
    try:
        return Found(folder=folder, manifest=read_manifest(folder))
    except ArtifactError as error:
        return Found(folder=folder, manifest=None, fault=str(error))


def _order(found: Found) -> tuple[str, int, str]:
    name, _, version = found.label.partition("/")
    return name, int(version) if version.isdecimal() else -1, version
