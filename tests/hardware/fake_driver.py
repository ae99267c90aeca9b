"""A driver library of our own, built once, which plays whatever machine a test names."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("fake_nvml.c")
REPOSITORY = Path(__file__).resolve().parents[2]


def build_fake_driver(folder: Path) -> Path:
    """The folder with the built ``libnvidia-ml.so.1``; the test is skipped where there is no gcc."""
    if shutil.which("gcc") is None or sys.platform != "linux":
        pytest.skip("the fake driver library is built with gcc, on Linux")
    target = folder / "libnvidia-ml.so.1"
    subprocess.run(["gcc", "-shared", "-fPIC", "-w", "-o", str(target), str(SOURCE)], check=True, timeout=60)
    return folder


def run_with_driver(
    folder: Path, plays: str, *arguments: str, environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Python in a child process that finds the fake driver."""
    environment = {"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": str(folder), "FAKE_NVML": plays, **(environ or {})}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
