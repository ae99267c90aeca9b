"""Each move is made in an empty folder, and by nobody's settings and keys."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("UNDERDOG_") or name.endswith("_API_KEY")]:
        monkeypatch.delenv(name)
