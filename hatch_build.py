"""Build hook: puts the newest shipped artifacts and the sample data inside the wheel.

The sources keep them at ``models/<name>/<version>`` and ``data/sample``; the wheel at
``router/_models/<name>/<version>`` and ``training/_sample``. An editable install reads the source folders and needs no
copy.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHIPPED = {
    "default": "the wheel will not be able to route",
    "verifier": "the wheel's cache will judge rewordings by rule alone",
}
"""Artifacts that ship, by name, and what a wheel lacks without."""


def latest_version(folder: Path) -> Path | None:
    """The subfolder with the highest numeric name, or None where there is none."""
    versions = [entry for entry in folder.glob("*") if entry.is_dir() and entry.name.isdecimal()]
    return max(versions, key=lambda entry: int(entry.name), default=None)


class ShippedData(BuildHookInterface[Any]):
    """Adds data folders to a standard wheel under the packages that read them."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Extend ``force_include``; say so where something that should ship is not there."""
        if version == "editable":
            return
        root = Path(self.root)
        for name, loss in SHIPPED.items():
            artifact = latest_version(root / "models" / name)
            if artifact is None:
                self.app.display_warning(f"models/{name} holds no artifact: {loss}.")
            else:
                build_data["force_include"][str(artifact)] = f"router/_models/{name}/{artifact.name}"
        sample = root / "data" / "sample"
        if sample.is_dir():
            build_data["force_include"][str(sample)] = "training/_sample"
        else:
            self.app.display_warning("data/sample is missing: the wheel will hold no sample to train on.")
