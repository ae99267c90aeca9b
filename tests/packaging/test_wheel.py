"""The wheel works from any folder: commands, artifact and sample travel inside it.

It is built and installed without a network: the build backend and the dependencies are those of the environment that
runs the tests.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

LARGEST_WHEEL_MB = 60
STARTUP_LIMIT_S = 60.0


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command outside of the checkout's influence and give what it printed."""
    done = subprocess.run(
        command, cwd=cwd, env=bare_environment(), capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def bare_environment() -> dict[str, str]:
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "UNDERDOG_", "VIRTUAL_"))
    }


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-index"]
    run(*pip, "--no-deps", "--no-build-isolation", "--wheel-dir", folder, repository)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def commands(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` of a fresh environment that holds the wheel; dependencies are borrowed from the running one."""
    home = tmp_path_factory.mktemp("fresh") / "an environment"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python), "install", "--quiet"]
    run(*pip, "--no-index", "--no-deps", wheel)
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    # A plain line adds the folder, but reads no .pth file in it: the editable install of the checkout stays unseen.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return home / "bin"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


@pytest.fixture
def server(commands: Path, empty: Path, tmp_path: Path) -> Iterator[str]:
    """The base URL of the installed wheel's server, started in an empty folder without any model to ask."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = bare_environment() | {
        "UNDERDOG_HOME": str(tmp_path / "home"),
        "UNDERDOG_WEAK_URL": "http://127.0.0.1:9/v1",
    }
    log = tmp_path / "server.log"
    with log.open("w") as output:
        command = [str(commands / "underdog"), "serve", "--port", str(port)]
        process = subprocess.Popen(command, cwd=empty, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield wait_for(f"http://127.0.0.1:{port}", process, log)
        finally:
            process.terminate()
            process.wait(timeout=30)


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + STARTUP_LIMIT_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5).close()
        except urllib.error.HTTPError:
            return url  # it answers; whether it is well is not asked here
        except OSError:
            time.sleep(0.1)
        else:
            return url
    pytest.fail(f"no answer on {url}/health: {log.read_text()}")


def test_the_wheel_holds_both_packages_and_says_they_are_typed(names: set[str]) -> None:
    assert {"router/__init__.py", "router/py.typed", "training/__init__.py", "training/py.typed"} <= names


def test_the_wheel_holds_every_source_file_and_nothing_but_the_two_packages(names: set[str], repository: Path) -> None:
    sources = {
        path.relative_to(repository).as_posix()
        for package in ("router", "training")
        for path in (repository / package).rglob("*.py")
    }
    assert sources <= names
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"router", "training"}
    assert not [name for name in names if "__pycache__" in name or name.endswith((".sqlite3", ".gguf"))]


def test_the_wheel_holds_every_file_of_the_console_s_page(names: set[str], repository: Path) -> None:
    page = repository / "router" / "http" / "console" / "page"
    expected = {path.relative_to(repository).as_posix() for path in page.rglob("*") if path.is_file()}
    assert "router/http/console/page/index.html" in expected
    assert expected <= names


@pytest.mark.parametrize("artifact", ["default", "verifier"])
def test_the_wheel_holds_the_newest_artifact_whole(artifact: str, names: set[str], repository: Path) -> None:
    versions = [folder for folder in (repository / "models" / artifact).iterdir() if folder.name.isdecimal()]
    newest = max(versions, key=lambda folder: int(folder.name))
    expected = {
        f"router/_models/{artifact}/{newest.name}/{path.relative_to(newest).as_posix()}"
        for path in newest.rglob("*")
        if path.is_file()
    }
    assert f"router/_models/{artifact}/{newest.name}/manifest.json" in expected
    assert {name for name in names if name.startswith(f"router/_models/{artifact}/")} == expected


def test_the_wheel_holds_the_sample_data(names: set[str], repository: Path) -> None:
    sample = repository / "data" / "sample"
    expected = {
        f"training/_sample/{path.relative_to(sample).as_posix()}" for path in sample.rglob("*") if path.is_file()
    }
    assert expected
    assert {name for name in names if name.startswith("training/_sample/")} == expected


def test_the_wheel_carries_its_licence(names: set[str]) -> None:
    assert [name for name in names if re.fullmatch(r"underdog_router-[^/]+\.dist-info/licenses/LICENSE", name)]


def test_the_wheel_is_small_enough_to_install_casually(wheel: Path) -> None:
    assert wheel.stat().st_size < LARGEST_WHEEL_MB * 1_000_000


def test_the_installed_package_is_the_wheel_and_not_the_checkout(commands: Path, empty: Path, repository: Path) -> None:
    where = run(
        commands / "python", "-c", "import router, training; print(router.__file__, training.__file__)", cwd=empty
    )
    assert str(repository) not in where


def test_the_installed_command_knows_the_version_of_the_wheel(commands: Path, wheel: Path, empty: Path) -> None:
    version = wheel.name.split("-")[1]
    assert version in run(commands / "underdog", "--version", cwd=empty)


@pytest.mark.parametrize(
    "arguments", [("underdog", "--help"), ("underdog", "serve", "--help"), ("train-router", "--help")]
)
def test_the_installed_commands_explain_themselves(arguments: tuple[str, ...], commands: Path, empty: Path) -> None:
    command, *rest = arguments
    assert "Usage" in run(commands / command, *rest, cwd=empty)


def test_the_module_form_is_the_same_command(commands: Path, empty: Path) -> None:
    assert "Usage" in run(commands / "python", "-m", "router", "--help", cwd=empty)


def test_the_installed_command_decides_with_the_artifact_inside_the_wheel(commands: Path, empty: Path) -> None:
    decision = json.loads(run(commands / "underdog", "route", "What is the capital of France?", "--json", cwd=empty))
    assert 0 <= decision["win_rate"] <= 1
    assert decision["artifact"]


def test_the_installed_server_routes_with_the_artifact_inside_the_wheel(server: str) -> None:
    body = json.dumps(
        {"model": "auto", "messages": [{"role": "user", "content": "What is the capital of France?"}]}
    ).encode()
    request = urllib.request.Request(f"{server}/v1/route", data=body, headers={"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        decision = json.load(response)
    assert 0 <= decision["win_rate"] <= 1
    assert decision["artifact"]


def test_the_installed_server_has_its_console(server: str) -> None:
    with urllib.request.urlopen(f"{server}/console", timeout=30) as response:
        page = response.read().decode()
    files = re.findall(r'(?:href|src)="(console/assets/[^"]+)"', page)
    assert "console/assets/app.js" in files
    for file in files:
        with urllib.request.urlopen(f"{server}/{file}", timeout=30) as response:
            assert response.status == 200
