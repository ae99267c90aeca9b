"""A test that fails or hangs is told while the others still run, and does not stop them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

THREE = """
import asyncio

import pytest


async def deep_inside() -> None:
    await asyncio.Event().wait()


@pytest.mark.timeout(1)
async def test_waits_for_ever() -> None:
    print("so far so good")
    await asyncio.create_task(deep_inside())


def test_is_wrong() -> None:
    assert "this" == "that"


def test_is_right() -> None:
    with open("end", "w") as end:
        end.write("reached")
"""


def test_a_test_that_hangs_is_told_with_what_it_waited_for_and_the_others_go_on(
    tmp_path: Path, repository: Path
) -> None:
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_configure\n", encoding="utf-8")
    (tmp_path / "test_three.py").write_text(THREE, encoding="utf-8")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    words = ["--rootdir", str(tmp_path), "-o", "asyncio_mode=auto", "-p", "no:cacheprovider", "-q", "test_three.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=tmp_path,
        env={**environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    told, _, _ = done.stdout.partition("= FAILURES =")
    assert "2 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert (tmp_path / "end").read_text() == "reached"
    assert "FAILED test_three.py::test_waits_for_ever (call, " in told
    assert "so far so good" in told
    assert "Stack for <Task pending" in told
    assert "in deep_inside" in told
    assert "FAILED test_three.py::test_is_wrong" in told
