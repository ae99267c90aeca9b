"""Importing stays cheap: what a process loads decides its memory and how fast it starts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "dask",
    "datasets",
    "distributed",
    "lightgbm",
    "matplotlib",
    "pandas",
    "pyarrow",
    "scipy",
    "sentence_transformers",
    "sklearn",
    "torch",
    "transformers",
}
PROBE = "import json, sys; {statement}; print(json.dumps(sorted(sys.modules)))"


def modules_after_importing(module: str, folder: Path) -> set[str]:
    """Names in ``sys.modules`` of a fresh interpreter that imported ``module`` from ``folder``."""
    return modules_after(f"import {module}", folder)


def modules_after(statement: str, folder: Path) -> set[str]:
    """Names in ``sys.modules`` of a fresh interpreter that ran ``statement`` in ``folder``."""
    command = [sys.executable, "-c", PROBE.format(statement=statement)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", f"'{statement}' is not silent"
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("module", ["router.app", "router.cli", "router.scoring"])
def test_the_server_imports_no_training_library(module: str, repository: Path) -> None:
    assert modules_after_importing(module, repository) & HEAVY == set()


def test_the_server_does_not_import_the_training_code(repository: Path) -> None:
    assert "training" not in modules_after_importing("router.app", repository)


def test_a_server_without_postgres_and_kept_prompts_loads_nothing_for_them(repository: Path) -> None:
    opened = "from router.ledger.opening import open_ledger; from router.settings import Settings; import tempfile; "
    statement = opened + "open_ledger(Settings(home=tempfile.mkdtemp(), ledger_prompts=True))"
    assert modules_after(f"import router.app; {statement}", repository) & {"psycopg", "cryptography"} == set()


def test_the_embedded_llm_is_not_loaded_by_importing_the_app(repository: Path) -> None:
    assert "xllamacpp" not in modules_after_importing("router.app", repository)


def test_a_server_that_is_alone_does_not_load_the_client_of_redis(repository: Path) -> None:
    statement = "from router.app import create_app; from router.settings import Settings; import router.replicas"
    statement += "; router.replicas.replicas_of(Settings())"
    assert modules_after(statement, repository) & {"redis", "hiredis"} == set()


def test_the_training_command_imports_its_libraries_only_when_a_stage_needs_them(repository: Path) -> None:
    assert modules_after_importing("training.cli", repository) & HEAVY == set()


@pytest.mark.parametrize("words", [["--help"], ["drift", "--help"]])
def test_help_waits_for_neither_the_scorer_nor_the_ledger(words: list[str], repository: Path) -> None:
    statement = f"from router.cli import main; main({words}, standalone_mode=False)"
    assert modules_after(statement, repository) & {"numpy", "rich", "sqlite3", "tokenizers", "litestar"} == set()


def test_the_probe_sees_a_heavy_library_when_there_is_one(repository: Path) -> None:
    assert "pyarrow" in modules_after_importing("pyarrow", repository) & HEAVY
