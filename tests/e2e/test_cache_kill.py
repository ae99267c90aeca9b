"""kill -9 in the middle of writes: the next server has the answers of the last, and nothing is corrupt."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import httpx
import pytest

from router.upstream.scripted import ScriptedServer, Turn
from tests.live import LiveServer, routed

PATH = "/v1/chat/completions"


def body(question: str) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": question}]}


async def settled(server: LiveServer) -> dict[str, int]:
    """What the cache's file has once it is read."""
    async with server.http() as http, asyncio.timeout(60):
        while (file := (await http.get("/cache/stats")).json()["file"])["state"] != "ready":
            await asyncio.sleep(0.05)
    return dict(file)


async def ask_until_killed(server: LiveServer, answers: dict[str, bytes], *, kills_after: int) -> int:
    """Ask from eight sides and kill the server meanwhile; gives how many answers its file had by then, at least."""

    async def caller(http: httpx.AsyncClient, number: int) -> None:
        for turn in range(10_000):
            question = f"What is {number} plus {turn}?"
            try:
                answer = await http.post(PATH, json=body(question))
            except httpx.TransportError:
                return
            answers[question] = answer.content

    async with server.http() as http:
        callers = [asyncio.create_task(caller(http, number)) for number in range(8)]
        persisted = 0
        while persisted < kills_after:
            await asyncio.sleep(0.02)
            persisted = (await http.get("/cache/stats")).json()["file"]["persisted"]
        server.process.kill()
        await asyncio.gather(*callers)
    await server.process.wait()
    return persisted


@pytest.mark.soak
async def test_answers_survive_kill_9_in_the_middle_of_writes(tmp_path: Path, full: bool) -> None:
    answers: dict[str, bytes] = {}
    async with ScriptedServer(model="weak-model", turns=[Turn(reply="a sum")]) as weak:
        for round_ in range(20 if full else 2):
            async with routed(tmp_path, weak, None) as server:
                before = (await settled(server))["persisted"]
                persisted = await ask_until_killed(server, answers, kills_after=before + 60 * (round_ % 3 + 1))
        async with routed(tmp_path, weak, None) as server, server.http() as http:
            file = await settled(server)
            assert file["unreadable"] == 0
            assert file["loaded"] == file["persisted"] >= persisted
            hits = 0
            for question, told in answers.items():
                answer = await http.post(PATH, json=body(question))
                if answer.headers["x-router-cache"] == "exact":
                    hits += 1
                    assert answer.content == told
            assert hits >= persisted
    assert not list(tmp_path.glob("cache.sqlite3.*-2*"))
    with sqlite3.connect(tmp_path / "cache.sqlite3") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_a_server_starts_and_answers_whatever_lies_in_place_of_its_cache(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cache.sqlite3").write_bytes(b"no database" * 5000)
    async with ScriptedServer(model="weak-model", turns=[Turn()]) as weak:
        async with routed(tmp_path, weak, None) as server, server.http() as http:
            await settled(server)
            for expected in ("miss", "exact"):
                answer = await http.post(PATH, json=body("What is one plus one?"))
                assert (answer.status_code, answer.headers["x-router-cache"]) == (200, expected)
        async with routed(tmp_path, weak, None) as server, server.http() as http:
            await settled(server)
            assert (await http.post(PATH, json=body("What is one plus one?"))).headers["x-router-cache"] == "exact"
    (aside,) = tmp_path.glob("cache.sqlite3.damaged-*")
    assert aside.read_bytes() == b"no database" * 5000
    assert capfd.readouterr().err.count("and a new one begins") == 1


async def test_a_cache_kept_in_memory_writes_no_file_and_forgets(tmp_path: Path) -> None:
    async with ScriptedServer(model="weak-model", turns=[Turn()]) as weak:
        for _ in range(2):
            async with routed(tmp_path, weak, None, "--cache-path", "off") as server, server.http() as http:
                answer = await http.post(PATH, json=body("What is one plus one?"))
                assert answer.headers["x-router-cache"] == "miss"
                assert (await http.get("/cache/stats")).json()["file"]["state"] == "off"
    assert not list(tmp_path.glob("cache*"))
