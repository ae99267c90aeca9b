"""What must not stand in any file of the project, and what its pages promise about its commands."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

MACHINE_PATH = re.compile(r"(?<![\w./~-])/(?:home|opt|root|tmp|Users|work)/[\w.-]+")
REGISTRY_HOST = re.compile(
    r"pypi\.(?:org|python)|pythonhosted\.org|registry\.npmjs|deb\.debian\.org|proxy\.golang", re.IGNORECASE
)
SECRET = re.compile(r"sk-(?:proj-|ant-|or-)?[A-Za-z0-9]{32,}|-----BEGIN [A-Z ]*PRIVATE KEY-----")

CODE_RUNNING_MODULES = {"cPickle", "cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
CODE_RUNNING_CALLS = {"__import__", "eval", "exec"}
CODE_RUNNING_FLAGS = {"allow_pickle", "shell"}

LARGEST_FILE_MB = 40


@pytest.fixture(scope="module")
def files(repository: Path) -> list[Path]:
    """Every file that is or would be committed."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=repository, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout: which files belong to the project is not known")
    listed = [repository / name for name in done.stdout.decode().split("\0") if name]
    return [path for path in listed if path.is_file()]


@pytest.fixture(scope="module")
def texts(files: list[Path]) -> dict[Path, str]:
    """File -> its text, binary files left out."""
    found: dict[Path, str] = {}
    for path in files:
        content = path.read_bytes()
        if b"\0" not in content:
            found[path] = content.decode("utf-8")
    return found


@pytest.fixture(scope="module")
def targets(repository: Path) -> set[str]:
    """The targets that ``make`` offers."""
    return set(
        re.findall(r"^([a-z][a-z-]*):(?!=)", (repository / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )


def findings(texts: dict[Path, str], pattern: re.Pattern[str]) -> list[str]:
    """``file:line: match`` for every place where the pattern occurs."""
    return [
        f"{path}:{number}: {match.group()}"
        for path, text in texts.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if (match := pattern.search(line))
    ]


def code_running(source: str) -> list[str]:
    """Imports, calls and flags through which data could become code."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in CODE_RUNNING_MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in CODE_RUNNING_MODULES:
            found.append(node.module or "")
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in CODE_RUNNING_CALLS:
                found.append(node.func.id)
            found += [flag.arg for flag in node.keywords if flag.arg in CODE_RUNNING_FLAGS and is_true(flag.value)]
    return found


def is_true(node: ast.expr) -> bool:
    return not (isinstance(node, ast.Constant) and not node.value)


def commands_in(page: str, command: str) -> set[str]:
    """First words after ``command`` where it starts a line of a fenced block, or a piece of inline code."""
    blocks = re.findall(r"```.*?```|`[^`\n]+`", page, re.DOTALL)
    call = re.compile(rf"(?:^|&&|\||;)[ $`]*(?:\w+=\S+ +)*{command} +([a-z][a-z-]*)(?![\w./=])", re.MULTILINE)
    return {word for block in blocks for word in call.findall(block)}


def test_no_file_names_a_path_of_somebodys_machine(texts: dict[Path, str], repository: Path) -> None:
    # Requests that were made up for the cache speak of made-up people's files.
    made_up = [str(repository / "data/cache" / pattern) for pattern in ("*.jsonl", "*/*.jsonl")]
    ours = {path: text for path, text in texts.items() if not any(map(path.match, made_up))}
    assert len(ours) < len(texts)
    assert findings(ours, MACHINE_PATH) == []


def test_no_file_names_a_package_registry(texts: dict[Path, str]) -> None:
    assert findings(texts, REGISTRY_HOST) == []


def test_no_file_holds_what_looks_like_a_key(texts: dict[Path, str]) -> None:
    assert findings(texts, SECRET) == []


def test_no_code_turns_data_into_code(texts: dict[Path, str], repository: Path) -> None:
    # Tests are left out: some write a booby-trapped file, to see it refused.
    ours = {path: text for path, text in texts.items() if not path.is_relative_to(repository / "tests")}
    found = {str(path): code_running(text) for path, text in ours.items() if path.suffix == ".py"}
    assert found
    assert {path: what for path, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "eval(text)",
        "run(command, shell=True)",
        "numpy.load(path, allow_pickle=flag)",
    ],
)
def test_the_search_for_such_code_finds_it(source: str) -> None:
    assert code_running(source)


@pytest.mark.parametrize(
    "source", ["numpy.load(path, allow_pickle=False)", "session.execute(statement)", "model.eval()"]
)
def test_the_search_for_such_code_leaves_harmless_code_alone(source: str) -> None:
    assert code_running(source) == []


def test_no_committed_file_is_too_large_for_a_repository(files: list[Path]) -> None:
    assert [path for path in files if path.stat().st_size > LARGEST_FILE_MB * 1_000_000] == []


def test_the_cache_package_is_not_ignored(repository: Path) -> None:
    command = [
        "git",
        "-c",
        "safe.directory=*",
        "check-ignore",
        "--no-index",
        "router/cache/index.py",
        "training/labels.py",
    ]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    if done.returncode == 128:
        pytest.skip("not a git checkout: nothing is ignored")
    assert done.stdout == ""


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "requirements/README.md"])
def test_every_make_command_of_a_page_is_a_target(page: str, repository: Path, targets: set[str]) -> None:
    named = commands_in((repository / page).read_text(encoding="utf-8"), "make")
    assert named
    assert named - targets == set()


def test_the_readme_shows_the_two_commands(repository: Path) -> None:
    assert commands_in((repository / "README.md").read_text(encoding="utf-8"), "make") >= {"serve", "test"}


@pytest.mark.parametrize(("command", "module"), [("underdog", "router"), ("train-router", "training")])
def test_every_subcommand_that_the_readme_names_exists(command: str, module: str, repository: Path) -> None:
    named = commands_in((repository / "README.md").read_text(encoding="utf-8"), command)
    assert named
    for subcommand in named:
        program = f"from {module}.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", program, subcommand, "--help"], cwd=repository, capture_output=True, check=False
        )
        assert done.returncode == 0, f"{command} {subcommand}: {done.stderr.decode()}"


def test_the_search_for_commands_sees_commands_and_not_prose() -> None:
    page = (
        "Run `make serve`, or make do.\n```sh\n$ A=1 make test -j2\nls && make check\ncurl -d 'please make tea'\n```\n"
    )
    assert commands_in(page, "make") == {"serve", "test", "check"}
