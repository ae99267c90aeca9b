"""``underdog doctor``, as a person or a script runs it: against a fake driver and servers over real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from router.advice import advise
from router.commands.doctor_tables import show
from router.doctor import Report
from router.doctor.findings import found_keys
from router.hardware import Cpu, Disk, Gpu, Gpus, Machine, Memory
from router.upstream.nearby import NearbyServer
from tests.hardware.fake_driver import build_fake_driver
from tests.upstream.nearby.servers import FakeOllama, listed, paths, serving

GIB = 1024**3
NO_GPUS = Gpus()


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_fake_driver(tmp_path_factory.mktemp("driver"))


async def underdog(repository: Path, *arguments: str, **environ: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "router", *arguments),
        cwd=repository,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), timeout=120)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_it_finds_gpu_servers_and_keys_and_says_so_in_json(
    driver: Path, repository: Path, tmp_path: Path
) -> None:
    async with serving(FakeOllama()) as ollama, serving(paths(v1_models=listed("m", owner="vllm"))) as vllm:
        status, out, err = await underdog(
            repository,
            *("doctor", "--json", "--home", str(tmp_path), "--port", str(vllm.port)),
            LD_LIBRARY_PATH=str(driver),
            FAKE_NVML="one",
            OLLAMA_HOST=f"127.0.0.1:{ollama.port}",
            OPENAI_API_KEY="sk-a-secret",
        )
    report: dict[str, Any] = json.loads(out)
    # The machine under test may have little memory left.
    assert (status, err) == (3 if report["attention"] else 0, "")
    assert not any("NVIDIA" in line for line in report["attention"])
    assert report["machine"]["gpus"]["found"][0]["name"] == "NVIDIA GeForce RTX 4090"
    assert report["advice"]["suggestions"][0]["place"]["kind"] == "gpu"
    assert {"ollama", "vllm"} <= {server["provider"] for server in report["servers"]}
    assert report["keys"][0]["variable"] == "OPENAI_API_KEY"
    assert "secret" not in out


async def test_a_broken_driver_needs_attention_and_the_status_says_so(
    driver: Path, repository: Path, tmp_path: Path
) -> None:
    status, out, err = await underdog(
        repository, "doctor", "--home", str(tmp_path), LD_LIBRARY_PATH=str(driver), FAKE_NVML="not-loaded"
    )
    assert (status, err) == (3, "")
    assert "Attention: The NVIDIA driver is broken: Driver Not Loaded." in out
    assert "the CPU" in out


async def test_a_configured_model_whose_server_is_not_there_needs_attention(repository: Path, tmp_path: Path) -> None:
    async with serving(FakeOllama()) as ollama:
        status, out, _ = await underdog(
            repository,
            *("doctor", "--json", "--home", str(tmp_path)),
            UNDERDOG_WEAK_URL="http://user:a-secret@127.0.0.1:9/v1?key=a-secret",
            UNDERDOG_WEAK_MODEL="m",
            UNDERDOG_STRONG_URL=f"{ollama.url}/v1",
            UNDERDOG_STRONG_MODEL="llama3.1:8b",
        )
    attention = json.loads(out)["attention"]
    assert status == 3
    (said,) = [line for line in attention if "127.0.0.1" in line]
    assert said.startswith("Nobody listens on http://127.0.0.1:9, where the settings have a model (weak): ")
    assert "a-secret" not in out


async def test_a_configuration_that_cannot_be_read_is_one_line(repository: Path, tmp_path: Path) -> None:
    status, _, err = await underdog(repository, "doctor", "--config", str(tmp_path / "none.toml"))
    assert status == 1
    assert "none.toml" in err
    assert "Traceback" not in err


def shown(report: Report, *, width: int = 200) -> str:
    console = Console(file=StringIO(), width=width, force_terminal=True, color_system=None)
    show(report, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def report(*servers: NearbyServer, gpus: Gpus = NO_GPUS) -> Report:
    machine = Machine(Cpu("a CPU", 8), Memory(32 * GIB, 20 * GIB, limited=True), Disk("home", GIB, GIB), gpus)
    keys = found_keys({"OPENAI_API_KEY": "sk-a-secret", "HF_TOKEN": "hf-a-secret"})
    return Report(machine, servers, keys, advise(machine))


def test_a_narrow_terminal_cuts_no_models_name() -> None:
    found = report()
    text = shown(found, width=50)
    assert "Licence" in shown(found)
    assert "Licence" not in text
    for each in found.advice.suggestions:
        assert f" {each.name} " in text


def test_a_person_reads_what_there_is() -> None:
    gpus = Gpus((Gpu("nvidia", "RTX 4090", 24 * GIB, 23 * GIB, "575.64"), Gpu("apple", "Apple M3", shared=True)))
    models = tuple(f"model-{number}" for number in range(9))
    text = shown(
        report(
            NearbyServer("ollama", "http://127.0.0.1:11434/v1", models, loaded=("model-1",)),
            NearbyServer("vllm", "http://127.0.0.1:8000/v1", wants_key=True),
            gpus=gpus,
        )
    )
    assert "24.0 GiB, 23.0 GiB free, driver 575.64" in text
    assert "shares the main memory" in text
    assert "model-1 (loaded)" in text
    assert "and 3 more" in text
    assert "wants a key" in text
    assert "OPENAI_API_KEY (openai), HF_TOKEN (huggingface, used when named)" in text
    assert "secret" not in text
    assert "this container's share" in text


def test_strangers_names_do_not_steer_the_terminal() -> None:
    text = shown(report(NearbyServer("vllm", "http://127.0.0.1:8000/v1", ("[red]\x1b[2Jname[/red]",))))
    assert "\x1b" not in text
    assert "[red]" in text
