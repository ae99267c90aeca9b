"""docs/controller.md: its example is a program that runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.controller.conftest import Models


def test_the_example_runs(
    models: Models,
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = (repository / "docs" / "controller.md").read_text()
    block = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert block is not None
    # The models of the page, at the addresses of those that are here.
    here = f'strong_api_base="{models.strong.base_url}", weak_api_base="{models.weak.base_url}", routers='
    monkeypatch.setenv("UNDERDOG_HOME", str(tmp_path))
    exec(compile(block[1].replace("routers=", here), "controller.md", "exec"), {})
    first, facts, streamed = capsys.readouterr().out.splitlines()
    assert first == streamed == "from the weak one"
    assert facts.startswith("weak 0 ")
