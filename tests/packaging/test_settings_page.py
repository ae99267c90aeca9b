from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from router.settings import FIELDS, PREFIX


def test_the_settings_page_is_what_the_settings_say(repository: Path, tmp_path: Path) -> None:
    program = "import runpy, sys; sys.stdout.write(runpy.run_path(sys.argv[1])['render']())"
    command = [sys.executable, "-c", program, str(repository / "docs" / "settings_page.py")]
    page = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True).stdout
    assert (repository / "docs" / "settings.md").read_text(encoding="utf-8") == page, "run: make docs"


def test_the_settings_page_names_every_setting(repository: Path) -> None:
    page = (repository / "docs" / "settings.md").read_text(encoding="utf-8")
    assert [name for name in FIELDS if f"`{PREFIX}{name.upper()}`" not in page] == []
