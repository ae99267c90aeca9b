"""The whole way: train on the sample, serve that artifact, see an easy and a hard prompt take different routes."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from router.upstream.scripted import ScriptedServer, Turn
from tests.live import EASY, HARD, LiveServer, routed

pytestmark = pytest.mark.asyncio(loop_scope="module")

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"


async def train(*arguments: str) -> str:
    """Run ``train-router`` as a person would; gives what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "training", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    printed, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    return printed.decode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "mine"
    await train("--data", str(SAMPLE), "--out", str(folder))
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LiveServer]:
    async with (
        ScriptedServer(model="weak-model", turns=[Turn()]) as weak,
        ScriptedServer(model="strong-model", turns=[Turn()]) as strong,
        routed(tmp_path_factory.mktemp("home"), weak, strong, "--artifact", str(artifact)) as running,
    ):
        yield running


async def decision(server: LiveServer, prompt: str) -> dict[str, Any]:
    async with server.http() as http:
        answer = await http.post("/v1/route", json={"messages": [{"role": "user", "content": prompt}]})
    decided: dict[str, Any] = answer.raise_for_status().json()
    return decided


async def test_an_easy_and_a_hard_prompt_take_different_routes(server: LiveServer) -> None:
    easy, hard = await decision(server, EASY), await decision(server, HARD)
    assert (easy["route"], hard["route"]) == ("weak", "strong")
    assert easy["artifact"] == hard["artifact"] != "default/1"


async def test_held_out_prompts_of_the_sample_are_told_apart(server: LiveServer) -> None:
    rows = [json.loads(line) for line in (SAMPLE / "tryout.jsonl").read_text(encoding="utf-8").splitlines()]
    rates = {
        route: [(await decision(server, row["prompt"]))["win_rate"] for row in rows if row["expected"] == route]
        for route in ("weak", "strong")
    }
    pairs = [(low, high) for low in rates["weak"] for high in rates["strong"]]
    assert sum(low < high for low, high in pairs) / len(pairs) > 0.75


async def test_batch_scores_are_the_scores_that_the_server_gives(
    server: LiveServer, artifact: Path, tmp_path: Path
) -> None:
    await train(
        "score", str(SAMPLE / "tryout.jsonl"), "--artifact", str(artifact), "--out", str(tmp_path / "scored.jsonl")
    )
    scored = [json.loads(line) for line in (tmp_path / "scored.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(scored) == 40
    for row in scored[:5]:
        assert row["win_rate"] == pytest.approx((await decision(server, row["prompt"]))["win_rate"], abs=1e-6)
