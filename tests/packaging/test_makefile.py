"""The Makefile does what its help says, wherever the checkout lies, and nothing twice."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def checkout(repository: Path, tmp_path: Path) -> Path:
    """A checkout under a path with spaces, whose environment is installed already as far as make can tell."""
    copy = tmp_path / "a path with spaces"
    copy.mkdir()
    for name in ("Makefile", "pyproject.toml", "hatch_build.py"):
        shutil.copy(repository / name, copy / name)
    shutil.copytree(repository / "requirements", copy / "requirements")
    (copy / ".venv").mkdir()
    for stamp in (".created", ".installed", ".installed-dev"):
        (copy / ".venv" / stamp).touch()
    return copy


def make(checkout: Path, *arguments: str) -> str:
    """What ``make`` prints, without the options of a make that may run the tests."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", *arguments], cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_make_alone_lists_the_targets(checkout: Path) -> None:
    assert make(checkout) == make(checkout, "help")


def test_every_target_is_in_the_help(checkout: Path) -> None:
    phony = set(re.findall(r"^\.PHONY: (\S+)", (checkout / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    listed = set(re.findall(r"^  ([a-z-]+) ", make(checkout, "help"), re.MULTILINE))
    assert phony
    assert listed == phony


@pytest.mark.parametrize("jobs", ["-j1", "-j4"])
def test_a_second_start_installs_nothing(checkout: Path, jobs: str) -> None:
    plan = make(checkout, jobs, "--dry-run", "serve", "ARGS=--port 9000")
    assert "pip" not in plan
    assert "router serve --port 9000" in plan


@pytest.fixture
def calls(checkout: Path) -> Path:
    """A file that says what make asked of Python, whose place a script takes."""
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir()
    python.write_text(
        '#!/bin/sh\necho "$@" >>calls\n[ "$3" = fetch ] && echo weights >"the llm" && echo "the llm"\nexit 0\n'
    )
    python.chmod(0o755)
    return checkout / "calls"


@pytest.mark.parametrize(
    "arguments", ["--weak-url http://h/v1", "--weak-model groq/llama-3.1-8b-instant", "--config mine.toml"]
)
def test_make_fetches_no_llm_for_who_brings_another(checkout: Path, calls: Path, arguments: str) -> None:
    make(checkout, "serve", f"ARGS={arguments}")
    assert calls.read_text() == f"-m router serve {arguments}\n"


def test_make_leaves_the_llm_to_the_server_where_there_is_a_configuration(checkout: Path, calls: Path) -> None:
    (checkout / "underdog.toml").touch()
    make(checkout, "serve")
    assert calls.read_text() == "-m router serve\n"


def test_the_llm_is_fetched_once_and_again_where_its_file_is_gone(checkout: Path, calls: Path) -> None:
    make(checkout, "serve")
    assert calls.read_text() == "-m router fetch\n-m router serve\n"
    make(checkout, "serve")
    assert calls.read_text() == "-m router fetch\n-m router serve\n-m router serve\n"

    (checkout / "the llm").unlink()
    calls.unlink()
    make(checkout, "serve")
    assert calls.read_text() == "-m router fetch\n-m router serve\n"


@pytest.mark.parametrize("changed", ["requirements/serve.txt", "requirements/build.txt", "pyproject.toml"])
def test_a_changed_lock_or_project_file_installs_again(checkout: Path, changed: str) -> None:
    stamp = checkout / ".venv" / ".installed"
    later = stamp.stat().st_mtime + 10
    os.utime(checkout / changed, (later, later))
    plan = make(checkout, "--dry-run", "serve")
    assert "--require-hashes -r requirements/serve.txt -r requirements/build.txt" in plan


def test_a_first_start_makes_the_environment(checkout: Path) -> None:
    shutil.rmtree(checkout / ".venv")
    plan = make(checkout, "--dry-run", "serve")
    assert plan.index("-m venv .venv") < plan.index("--require-hashes") < plan.index("router serve")


def test_serving_does_not_install_what_only_testing_needs(checkout: Path) -> None:
    shutil.rmtree(checkout / ".venv")
    assert "dev.txt" not in make(checkout, "--dry-run", "serve")


def test_testing_does_not_install_what_only_distilling_needs(checkout: Path) -> None:
    shutil.rmtree(checkout / ".venv")
    plan = make(checkout, "--dry-run", "test")
    assert "dev.txt" in plan
    assert "torch" not in plan


def test_no_make_command_leaves_the_hash_check_out_but_for_torch(checkout: Path) -> None:
    shutil.rmtree(checkout / ".venv")
    installs = [
        line
        for line in make(checkout, "--dry-run", "distill-install").splitlines()
        if "pip" in line and " install " in line
    ]
    unchecked = [line.split(" install ", 1)[1] for line in installs if "--require-hashes" not in line]
    assert unchecked == ["--quiet --no-deps --no-build-isolation --editable .", "--quiet torch==2.13.0"]


def test_a_python_that_is_too_old_is_refused_with_the_remedy(checkout: Path) -> None:
    shutil.rmtree(checkout / ".venv")
    old = checkout / "old-python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", "serve", "PYTHON=./old-python"]
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Python 3.11 or newer" in done.stderr
    assert not (checkout / ".venv").exists()
