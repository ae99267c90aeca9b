"""The Dockerfile: its lines are held against the checkout, and what it puts into an image runs as it would there."""

from __future__ import annotations

import asyncio
import fnmatch
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from router.upstream.scripted import ScriptedServer
from tests.deploy.conftest import Tool
from tests.services.process import free_port

HERE = Path(__file__).parent
PATH = "/v1/chat/completions"
KEY = "sesame"


@pytest.fixture(scope="module")
def dockerfile(repository: Path) -> str:
    return (repository / "Dockerfile").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def copied(dockerfile: str) -> list[str]:
    """What goes from the checkout into the build, in the order of the lines."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE)
    return [source for line in lines for source in line.split()[:-1]]


@pytest.fixture(scope="module")
def left_in(repository: Path) -> list[str]:
    """What .dockerignore lets into the build, all else being left out."""
    lines = (repository / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    return [rule.removeprefix("!") for rule in rules if rule.startswith("!")]


@pytest.mark.deployment
def test_the_linter_of_dockerfiles_finds_nothing(tool: Tool) -> None:
    done = tool("hadolint", "--failure-threshold", "style", "Dockerfile")
    assert done.returncode == 0, done.stdout


def test_what_is_copied_is_there_and_is_all_that_the_build_sees(
    copied: list[str], left_in: list[str], repository: Path
) -> None:
    assert [name for name in copied if not (repository / name).exists()] == []
    assert sorted(copied) == sorted(left_in)


def test_no_image_can_hold_keys_ledgers_or_environments(repository: Path, left_in: list[str]) -> None:
    rules = (repository / ".dockerignore").read_text(encoding="utf-8").splitlines()
    out = [rule.removeprefix("**/") for rule in rules if rule.startswith("**/")]
    for name in ("ledger.sqlite3", "cache.sqlite3-wal", "model.gguf", "x.pyc", "__pycache__"):
        assert any(fnmatch.fnmatch(name, rule) for rule in out), name
    assert not {".env", ".git", ".venv", "underdog.toml", "tests"} & {name.partition("/")[0] for name in left_in}


def test_the_image_has_the_python_of_the_lock_files(dockerfile: str, repository: Path) -> None:
    locked = re.search(r"--python-version (\S+)", (repository / "Makefile").read_text(encoding="utf-8"))
    assert locked
    assert f"\nARG PYTHON_IMAGE=python:{locked[1]}-slim-" in dockerfile


@pytest.fixture(scope="module")
def site(repository: Path, copied: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The project as the image would hold it: a wheel of what is copied and of nothing else, unpacked."""
    sources, wheels = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("wheels")
    forgotten = shutil.ignore_patterns("__pycache__")
    for name in copied:
        target = sources / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (repository / name).is_dir():
            shutil.copytree(repository / name, target, ignore=forgotten)
        else:
            shutil.copy(repository / name, target)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-index"]
    build = [*pip, "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(sources)]
    subprocess.run(build, check=True, timeout=150)
    (wheel,) = wheels.glob("*.whl")
    # Not among pytest's own folders, which only their owner may enter, nor below /tmp: a container has one of its own.
    with tempfile.TemporaryDirectory(prefix="underdog-site-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
        yield Path(folder)


@pytest.fixture
def keep() -> Iterator[Path]:
    """A scratch folder that everybody may enter, with a home in it that belongs to the user of the image."""
    with tempfile.TemporaryDirectory(prefix="underdog-contained-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        home = Path(folder) / "home"
        home.mkdir(mode=0o700)
        os.chown(home, 10001, 10001)
        yield Path(folder)


def require_namespaces() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may run a process in namespaces of its own")
    for program in ("unshare", "setpriv"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: apt-get install util-linux")
    tried = subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"no namespaces of one's own here: {tried.stderr.decode().strip()}")


@asynccontextmanager
async def contained(site: Path, keep: Path, **environ: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`underdog serve` in a container without an engine; HOME is not set, and nobody knows the user."""
    seen = [sys.base_prefix, sysconfig.get_path("purelib")]
    fixed = {"PATH": "/usr/bin:/bin", "UNDERDOG_HOME": f"{keep}/home", "PYTHONDONTWRITEBYTECODE": "1"}
    fixed |= {"PYTHONPATH": f"{site}:{seen[1]}", "PYTHONUNBUFFERED": "1"}
    process = await asyncio.create_subprocess_exec(
        *("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", str(HERE / "contained.sh")),
        *(str(keep), str(keep / "home"), *seen, "--"),
        # Not the environment's own: that is a link, and its home is not where it says.
        *(str(Path(sys.executable).resolve()), "-m", "router", "serve"),
        env=fixed | environ,
        cwd="/",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def first_of(process: asyncio.subprocess.Process) -> int:
    """The process id, seen from out here, of the first process in there: what an engine sends signals to."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    async with asyncio.timeout(60):
        while not (found := children.read_text().split()):
            await asyncio.sleep(0.01)
    return int(found[0])


async def healthy(check: Path, port: int) -> bool:
    """What the image's own check says, with a proxy around that is nobody to ask for the container's health."""
    around = {"UNDERDOG_PORT": str(port), "HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    process = await asyncio.create_subprocess_exec(sys.executable, "-I", str(check), env=around)
    return await process.wait() == 0


async def test_the_image_serves_as_nobody_with_nothing_but_its_home_to_write_to(
    site: Path, keep: Path, dockerfile: str, repository: Path
) -> None:
    require_namespaces()
    assert "\nUSER 10001:10001\n" in dockerfile
    port = free_port()
    check = repository / "deploy/docker/healthy.py"
    assert not await healthy(check, port)
    async with ScriptedServer(model="weak-model") as weak:
        settings = {"HOST": "0.0.0.0", "PORT": str(port), "API_KEY": KEY, "WEAK_URL": weak.base_url}
        async with contained(site, keep, **{f"UNDERDOG_{name}": value for name, value in settings.items()}) as process:
            assert process.stdout is not None
            async with asyncio.timeout(60):
                assert b"Underdog is ready on" in await process.stdout.readline()
            first = await first_of(process)
            status = dict(line.split(":\t", 1) for line in Path(f"/proc/{first}/status").read_text().splitlines())
            assert status["NSpid"].split()[-1] == "1"
            assert set(status["Uid"].split()) == {"10001"}
            assert {status[name].strip("0") for name in ("CapEff", "CapPrm", "CapBnd")} == {""}
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as http:
                asked = {"messages": [{"role": "user", "content": "What is the capital of France?"}]}
                answer = await http.post(PATH, json=asked, headers={"authorization": f"Bearer {KEY}"})
            assert answer.status_code == 200, answer.text
            assert await healthy(check, port)
            os.kill(first, signal.SIGTERM)
            told = (await asyncio.wait_for(process.stdout.read(), timeout=60)).decode()
            assert await process.wait() == 0
    assert "Read-only" not in told
    assert "Traceback" not in told
    written = {path.name.partition(".")[0] for path in (keep / "home").iterdir()}
    assert written == {"accounts", "cache", "ledger"}


async def test_the_image_stops_when_told_to_while_it_starts(site: Path, keep: Path) -> None:
    require_namespaces()
    async with contained(site, keep, UNDERDOG_PORT="0", UNDERDOG_WEAK_URL="http://127.0.0.1:9/v1") as process:
        first = await first_of(process)
        async with asyncio.timeout(60):
            # Numbered from 1; a process without a handler for it would not be sent the signal.
            while not int(_status(first, "SigCgt"), 16) >> (signal.SIGTERM - 1) & 1:
                await asyncio.sleep(0.005)
            os.kill(first, signal.SIGTERM)
            assert await process.wait() == 0


async def test_the_image_refuses_to_be_open_to_everybody(site: Path, keep: Path) -> None:
    require_namespaces()
    async with contained(site, keep, UNDERDOG_HOST="0.0.0.0") as process:
        told, _ = await asyncio.wait_for(process.communicate(), timeout=60)
    assert process.returncode == 1
    assert b"refusing to listen on 0.0.0.0 without a key" in told


def _status(pid: int, name: str) -> str:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(line for line in lines if line.startswith(f"{name}:")).split()[1]
