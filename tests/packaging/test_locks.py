"""The lock files and pyproject.toml tell the same story."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

LOCKS = ["build", "serve", "train", "dev", "distill"]
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)")


@pytest.fixture(scope="module")
def project(repository: Path) -> dict[str, Any]:
    return tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def locks(repository: Path) -> dict[str, dict[str, Version]]:
    """Lock name -> package -> version."""
    return {name: pins((repository / "requirements" / f"{name}.txt").read_text(encoding="utf-8")) for name in LOCKS}


def pins(text: str) -> dict[str, Version]:
    return {canonicalize_name(m[1]): Version(m[2]) for line in text.splitlines() if (m := PINNED.match(line))}


def requirements(project: dict[str, Any], extra: str | None) -> list[Requirement]:
    """Direct requirements of an extra, with the project's own extras followed."""
    listed = project["project"]["dependencies"]
    if extra is not None:
        listed = listed + project["project"]["optional-dependencies"][extra]
    found = [Requirement(line) for line in listed]
    for requirement in [one for one in found if one.name == project["project"]["name"]]:
        found.remove(requirement)
        for inner in requirement.extras:
            found.extend(requirements(project, inner))
    return found


@pytest.mark.parametrize(
    ("lock", "extra"), [("serve", None), ("train", "train"), ("dev", "dev"), ("distill", "distill")]
)
def test_every_direct_requirement_is_locked_at_a_version_it_allows(
    lock: str, extra: str | None, project: dict[str, Any], locks: dict[str, dict[str, Version]]
) -> None:
    for requirement in requirements(project, extra):
        if requirement.name == "torch":
            continue  # installed by version alone, see requirements/README.md
        assert locks[lock][canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_the_locks_agree_so_that_they_can_share_one_environment(locks: dict[str, dict[str, Version]]) -> None:
    together: dict[str, Version] = {}
    for lock in LOCKS:
        for package, version in locks[lock].items():
            assert together.setdefault(package, version) == version, f"{package} in {lock}.txt"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_a_hash(lock: str, repository: Path) -> None:
    entries = re.split(r"\n(?=\S)", (repository / "requirements" / f"{lock}.txt").read_text(encoding="utf-8").strip())
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


def test_serving_locks_nothing_that_only_training_needs(locks: dict[str, dict[str, Version]]) -> None:
    assert (
        locks["serve"].keys() & {"scikit-learn", "lightgbm", "pandas", "datasets", "torch", "sentence-transformers"}
        == set()
    )


def test_no_lock_depends_on_which_build_of_torch_a_machine_gets(locks: dict[str, dict[str, Version]]) -> None:
    packages = set().union(*locks.values())
    assert {name for name in packages if name in {"torch", "triton"} or name.startswith(("cuda-", "nvidia-"))} == {
        "nvidia-ml-py"
    }


def test_the_locked_build_backend_is_the_declared_one(
    project: dict[str, Any], locks: dict[str, dict[str, Version]]
) -> None:
    declared = project["build-system"]["requires"]
    assert project["dependency-groups"]["build"] == declared
    for requirement in map(Requirement, declared):
        assert locks["build"][requirement.name] in requirement.specifier
        assert locks["dev"][requirement.name] == locks["build"][requirement.name]


OF_AN_EXTRA = {"any_llm"}
"""Packages that `router` imports only where a deployment names them."""


def imported_by(folder: Path) -> Iterator[tuple[str, str]]:
    """Every package that a folder's modules import, function bodies included, each with the module that does."""
    for module in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((alias.name.partition(".")[0], module.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0], module.name


def test_whatever_the_server_imports_is_a_dependency_of_its_own(project: dict[str, Any], repository: Path) -> None:
    declared = {canonicalize_name(Requirement(line).name) for line in project["project"]["dependencies"]}
    installed = packages_distributions()
    ours = {"router", "training", *sys.stdlib_module_names, *OF_AN_EXTRA}
    lacking = {
        f"{package} in {module}"
        for package, module in imported_by(repository / "router")
        if package not in ours
        if not declared & {canonicalize_name(name) for name in installed.get(package, [])}
    }
    assert lacking == set()
