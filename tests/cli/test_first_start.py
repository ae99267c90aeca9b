"""A first start without a weak model says what is here; ``--yes`` takes or pulls one. The server connects to nobody."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from router.advice import LOCAL_MODELS
from router.commands.first_start import first_lines, tell_later
from router.hardware import Cpu, Disk, Gpu, Gpus, Machine, Memory
from router.settings import Settings
from router.upstream.scripted import ScriptedServer
from tests.live import live_server
from tests.upstream.nearby.servers import FakeOllama, serving

GIB = 1024**3


def machine(*gpus: Gpu, available: int = 20) -> Machine:
    return Machine(Cpu("a CPU", 8), Memory(32 * GIB, available * GIB), Disk("home", GIB, GIB), Gpus(gpus))


@asynccontextmanager
async def starting(home: Path, *arguments: str, **environ: str) -> AsyncIterator[asyncio.StreamReader]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "router", "serve", "--port", "0", "--home", str(home), *arguments),
        env={"PATH": os.environ["PATH"], "HOME": str(home), "PIP_INDEX_URL": "http://127.0.0.1:9/simple", **environ},
        cwd=Path(__file__).resolve().parents[2],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), timeout=60)


async def said_until(lines: asyncio.StreamReader, pattern: str) -> str:
    said = ""
    async with asyncio.timeout(90):
        while line := (await lines.readline()).decode():
            said += line
            if re.search(pattern, line):
                return said
    raise AssertionError(said)


def test_it_says_in_two_lines_what_was_found_and_what_fits() -> None:
    lines = first_lines(machine(Gpu("nvidia", "NVIDIA GeForce RTX 3060", total=12 * GIB, free=11 * GIB)))
    assert lines == [
        "Found: 8 cores, 32 GiB of memory, NVIDIA GeForce RTX 3060 (11 GiB free).",
        "A larger weak model that fits: underdog models pull phi4:14b (9.1 GB); see underdog doctor",
    ]


def test_where_nothing_fits_it_says_so() -> None:
    assert first_lines(machine(available=2))[1].startswith("No larger weak model fits")


async def test_the_first_start_tells_after_the_ready_line_and_the_second_does_not(tmp_path: Path) -> None:
    async with serving(FakeOllama()) as ollama, starting(tmp_path, OLLAMA_HOST=ollama.url) as lines:
        said = await said_until(lines, "see underdog doctor")
    assert ollama.asked == []
    assert said.index("Underdog is ready on") < said.index("Found: ")
    told: list[str] = []
    tell_later(Settings(home=str(tmp_path)), told.append)()
    assert told == []


def test_who_names_a_weak_model_is_told_nothing(tmp_path: Path) -> None:
    told: list[str] = []
    tell_later(Settings(home=str(tmp_path), weak_url="http://127.0.0.1:9/v1", weak_model="m"), told.append)()
    assert told == []


async def test_yes_takes_what_is_there(tmp_path: Path) -> None:
    async with serving(FakeOllama()) as ollama, starting(tmp_path, "--yes", OLLAMA_HOST=ollama.url) as lines:
        said = await said_until(lines, "Underdog is ready on")
    # Whatever else listens on the usual ports of this machine.
    assert "it is the weak model" in said
    assert "weak: smollm2" not in said
    assert all(path != "/api/pull" for _, path, _, _ in ollama.asked)


async def test_yes_lets_an_empty_ollama_pull_what_fits(tmp_path: Path) -> None:
    fake = FakeOllama()
    fake.models = []
    fake.library = {build.name: build.size for model in LOCAL_MODELS for build in model.builds}
    async with serving(fake) as ollama, starting(tmp_path, "--yes", OLLAMA_HOST=ollama.url) as lines:
        said = await said_until(lines, "Underdog is ready on")
    pulled = [body["model"] for _, path, _, body in ollama.asked if path == "/api/pull"]
    assert len(pulled) == 1
    assert f"Pulling {pulled[0]}" in said
    assert f"weak: {pulled[0]}" in said


async def test_yes_changes_nothing_where_a_weak_model_is_named(tmp_path: Path) -> None:
    async with ScriptedServer() as weak:
        arguments = ("--yes", "--weak-url", weak.base_url, "--weak-model", "mine")
        async with live_server(tmp_path, *arguments) as server, server.http() as http:
            assert (await http.get("/health")).json()["upstreams"]["weak"]["model"] == "mine"
