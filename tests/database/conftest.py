"""Either engine, empty."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A path or URL where there is nothing yet."""
    if request.param == "sqlite":
        return str(tmp_path / "things.sqlite3")
    return str(request.getfixturevalue("postgres_url"))
