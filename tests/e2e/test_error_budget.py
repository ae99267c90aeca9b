"""A wrong answer from the cache is reported: it is let go of, the budget tightens, the pair waits for the next fit."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from router.cli import main
from router.scoring.verifier.evidence import Evidence
from router.upstream.scripted import ScriptedServer, Turn
from tests.cache.a_verifier import write_a_verifier
from tests.live import LiveServer, routed

FRANCE = "What is the capital of France?"
FINLAND = "What is the capital of Finland?"
TRAPS = Evidence(traps=2_000, tail=[4.0 - number / 100 for number in range(200)])


@pytest.fixture(scope="module")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It would serve anything that is a candidate."""
    return write_a_verifier(tmp_path_factory.mktemp("verifier") / "1", score=5.0, evidence=TRAPS)


@asynccontextmanager
async def server_with(verifier: Path, home: Path, *arguments: str) -> AsyncIterator[LiveServer]:
    """A server that has loaded the verifier, before a model of its own."""
    async with a_model() as weak, server_before(weak, verifier, home, *arguments) as server:
        yield server


def a_model() -> ScriptedServer:
    return ScriptedServer(model="weak-model", turns=[Turn(reply="Paris.")])


@asynccontextmanager
async def server_before(weak: ScriptedServer, verifier: Path, home: Path, *arguments: str) -> AsyncIterator[LiveServer]:
    """The same before a given model: its address belongs to the keys, which outlive a server only with it."""
    async with routed(home, weak, None, "--cache-verifier", str(verifier), *arguments) as server:
        async with asyncio.timeout(60):
            while "--cache-max-wrong" not in arguments and (await budget(server))["verifier"] == "rules":
                await asyncio.sleep(0.1)
        yield server


async def asked(server: LiveServer, question: str, **fields: Any) -> httpx.Response:
    async with server.http() as http:
        body = {"messages": [{"role": "user", "content": question}], "temperature": 0, **fields}
        return await http.post("/v1/chat/completions", json=body)


async def rated(server: LiveServer, answer: httpx.Response, rating: str) -> int:
    async with server.http() as http:
        body = {"request_id": answer.headers["x-request-id"], "rating": rating}
        return (await http.post("/v1/feedback", json=body)).status_code


async def budget(server: LiveServer) -> dict[str, Any]:
    async with server.http() as http:
        standing: dict[str, Any] = (await http.get("/cache/stats")).json()["budget"]
    return standing


async def outcome(server: LiveServer, question: str) -> str:
    return (await asked(server, question)).headers["x-router-cache"]


def exported_pairs(home: Path) -> list[dict[str, Any]]:
    done = CliRunner().invoke(main, ["ledger", "pairs", "--home", str(home)])
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


async def test_a_reported_rewording_is_let_go_of_tightens_the_budget_and_is_kept_for_the_next_fit(
    verifier: Path, tmp_path: Path
) -> None:
    async with a_model() as weak:
        async with server_before(weak, verifier, tmp_path, "--cache-keep-pairs") as server:
            before = await budget(server)
            assert (before["max_wrong"], before["traps"], before["reports"], before["tightened"]) == (
                0.01,
                2_000,
                0,
                False,
            )
            assert before["wrong_limit"] <= 0.01
            assert await outcome(server, FRANCE) == "miss"
            wrong = await asked(server, FINLAND)
            assert wrong.headers["x-router-cache"] == "semantic"
            for _ in range(3):
                assert await rated(server, wrong, "bad") == 200
            after = await budget(server)
            assert (after["answers"], after["reports"], after["tightened"]) == (1, 1, True)
            assert before["threshold"] < after["threshold"] < 5.0
            # The entry is gone, and the same two never meet again.
            assert await outcome(server, FRANCE) == "miss"
            assert await outcome(server, FINLAND) == "miss"
            assert await outcome(server, FINLAND) == "exact"
            async with server.http() as http:
                metrics = (await http.get("/metrics")).text
            assert "underdog_cache_reports 1\n" in metrics
            assert f"underdog_cache_threshold_strictest {after['threshold']:.10g}\n" in metrics
        pair = {"a": FRANCE, "b": FINLAND, "same_answer": False, "family": "reported"}
        assert exported_pairs(tmp_path) == [pair]
        async with server_before(weak, verifier, tmp_path, "--no-cache-keep-pairs") as server:
            assert await budget(server) == after
            await outcome(server, FRANCE)
            assert (await asked(server, FINLAND)).headers["x-router-cache"] != "semantic"


async def test_without_leave_no_question_is_kept(verifier: Path, tmp_path: Path) -> None:
    async with server_with(verifier, tmp_path) as server:
        await outcome(server, FRANCE)
        wrong = await asked(server, FINLAND)
        assert await rated(server, wrong, "bad") == 200
        assert (await budget(server))["reports"] == 1
        assert await outcome(server, FRANCE) == "miss"
    assert exported_pairs(tmp_path) == []
    assert "capital" not in "".join(map(str, server.ledger_rows()))


async def test_an_exact_repeat_rated_bad_is_asked_for_again_and_moves_no_threshold(
    verifier: Path, tmp_path: Path
) -> None:
    async with server_with(verifier, tmp_path) as server:
        await outcome(server, FRANCE)
        repeat = await asked(server, FRANCE)
        assert repeat.headers["x-router-cache"] == "exact"
        assert await rated(server, repeat, "good") == 200
        assert await outcome(server, FRANCE) == "exact"
        assert await rated(server, repeat, "bad") == 200
        fresh = await asked(server, FRANCE)
        assert fresh.headers["x-router-cache"] == "miss"
        # The same report again does not take the fresh answer away; a report of that one does.
        assert await rated(server, repeat, "bad") == 200
        assert await outcome(server, FRANCE) == "exact"
        assert await rated(server, fresh, "bad") == 200
        assert await outcome(server, FRANCE) == "miss"
        standing = await budget(server)
        assert (standing["reports"], standing["tightened"]) == (0, False)


async def test_no_request_can_loosen_the_budget(verifier: Path, tmp_path: Path) -> None:
    async with server_with(verifier, tmp_path, "--cache-max-wrong", "off") as server:
        standing = await budget(server)
        assert (standing["verifier"], standing["threshold"], standing["max_wrong"]) == ("rules", None, 0.0)
        await outcome(server, FRANCE)
        async with server.http() as http:
            body = {"messages": [{"role": "user", "content": FINLAND}], "temperature": 0}
            loosened = await http.post(
                "/v1/chat/completions",
                json=body,
                headers={"x-router-cache-max-wrong": "0.5", "cache-max-wrong": "0.5"},
            )
        assert loosened.headers["x-router-cache"] == "miss"
        fields = {"cache_max_wrong": 0.5, "cache": {"max_wrong": 0.5}}
        assert (await asked(server, "What is the capital of Norway?", **fields)).headers["x-router-cache"] == "miss"
        assert await outcome(server, "what is the capital of france") == "semantic"
        assert await budget(server) == standing
