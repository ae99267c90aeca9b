"""A running server changes its artifact under load: a real process, real sockets, the real command."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from router.artifacts.pointer import Pointer
from router.scoring.scorer import Scorer
from router.upstream.scripted import ScriptedServer, Turn
from tests.artifacts.support import make_artifact, underdog
from tests.live import EASY, HARD, LiveServer, routed
from tests.scoring import kernel_parts

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/chat/completions"
SWAPS = 12
CALLERS = 4


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def models() -> AsyncIterator[tuple[ScriptedServer, ScriptedServer]]:
    turns = [Turn(reply="Some words that take a while.", piece_delay_ms=2)]
    async with (
        ScriptedServer(model="weak-model", turns=turns) as weak,
        ScriptedServer(model="strong-model", turns=turns) as strong,
    ):
        yield weak, strong


@pytest_asyncio.fixture(loop_scope="module")
async def server(models: tuple[ScriptedServer, ScriptedServer], tmp_path: Path) -> AsyncIterator[LiveServer]:
    """A server whose home folder holds two more artifacts, ``alpha`` and ``beta``."""
    for name, slope in (("alpha", 0.3), ("beta", 0.9)):
        make_artifact(tmp_path / "models", name, slope=slope)
    async with routed(tmp_path, *models) as running:
        yield running


async def artifacts(server: LiveServer, *words: str) -> str:
    """``underdog artifacts`` with the address and the home folder of a server."""
    address = httpx.URL(server.url)
    at = ["--home", str(server.home), "--port", str(address.port)] if words[0] in ("use", "rollback") else []
    status, said = await underdog("artifacts", *words, *at)
    assert status == 0, said
    return said


def question(text: str, **fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **fields}


async def artifact_of(server: LiveServer) -> str:
    async with server.http() as http:
        return str((await http.get("/health")).json()["artifact"])


async def test_no_request_fails_and_each_is_judged_by_one_artifact_while_artifacts_change(server: LiveServer) -> None:
    scorers = {name: Scorer.load(server.home / "models" / name / "1") for name in ("alpha", "beta")}
    scorers["default"] = Scorer.load()
    seen: list[tuple[str, httpx.Response]] = []
    stop = asyncio.Event()

    async def caller(http: httpx.AsyncClient, number: int) -> None:
        for turn in itertools.count():
            if stop.is_set():
                return
            # Every other prompt was asked before: its cached answer must be of one artifact as well.
            text = f"{HARD if turn % 4 < 2 else EASY} {number} {turn // 2}"
            answer = await http.post(PATH, json=question(text, stream=bool((turn // 2 + number) % 2)))
            seen.append((text, answer))

    async with server.http() as http:
        callers = [asyncio.create_task(caller(http, number)) for number in range(CALLERS)]
        for swap in range(SWAPS):
            assert "serves it" in await artifacts(server, "use", ("alpha", "beta")[swap % 2])
        stop.set()
        await asyncio.gather(*callers)

    judged = set()
    for text, answer in seen:
        assert answer.status_code == 200, answer.text
        if answer.headers["content-type"].startswith("text/event-stream"):
            assert answer.text.endswith("data: [DONE]\n\n")
        name = answer.headers["x-router-artifact"].removesuffix("/1")
        judged.add(name)
        win_rate, threshold = scorers[name].score(text).win_rate, scorers[name].manifest.operating_points["balanced"]
        assert float(answer.headers["x-router-win-rate"]) == pytest.approx(win_rate, abs=1e-4)
        assert float(answer.headers["x-router-threshold"]) == pytest.approx(threshold.threshold, abs=1e-4)
        assert answer.headers["x-router-route"] == ("strong" if win_rate >= threshold.threshold else "weak")
    assert judged == {"alpha", "beta", "default"}
    assert {row["outcome"] for row in server.ledger_rows()} == {"ok"}
    assert len(server.ledger_rows()) == len(seen)


async def test_a_choice_that_the_server_took_over_is_told_so_as_json(server: LiveServer) -> None:
    for words in (("use", "alpha"), ("use", "beta"), ("rollback",)):
        told = json.loads(await artifacts(server, *words, "--json"))
        assert told["server"] == {"url": server.url, "state": "serves it", "why": None}
    assert told["artifact"] == await artifact_of(server) == "alpha/1"
    assert told["back_from"] == "beta/1"


async def test_a_stream_that_began_before_a_change_ends_as_it_began(tmp_path: Path) -> None:
    make_artifact(tmp_path / "models", "alpha")
    slow = Turn(reply="word " * 60, piece_delay_ms=60)
    async with (
        ScriptedServer(model="weak-model", turns=[slow]) as weak,
        routed(tmp_path, weak, None) as server,
        server.http() as http,
        http.stream("POST", PATH, json=question(EASY, stream=True)) as answer,
    ):
        assert answer.headers["x-router-artifact"] == "default/1"
        await artifacts(server, "use", "alpha")
        assert await artifact_of(server) == "alpha/1"
        told = (await answer.aread()).decode()
        assert told.endswith("data: [DONE]\n\n")
        (row,) = server.ledger_rows()
    assert row["artifact"] == "default/1"


async def test_going_back_leads_step_by_step_to_the_shipped_artifact(server: LiveServer) -> None:
    await artifacts(server, "use", "alpha/1")
    await artifacts(server, "use", str(server.home / "models" / "beta" / "1"))
    served = []
    for _ in range(2):
        await artifacts(server, "rollback")
        served.append(await artifact_of(server))
    assert served == ["alpha/1", "default/1"]
    status, said = await underdog("artifacts", "rollback", "--home", str(server.home))
    assert status == 1
    assert "Nothing to roll back" in said


async def test_a_damaged_artifact_is_refused_and_the_old_one_serves_on(server: LiveServer) -> None:
    await artifacts(server, "use", "alpha")
    scaler = server.home / "models" / "beta" / "1" / "scaler.npy"
    scaler.write_bytes(scaler.read_bytes()[:-1] + b"\x01")
    status, said = await underdog("artifacts", "use", "beta", "--home", str(server.home))
    assert status == 1
    assert "scaler.npy" in said
    current = Pointer(server.home).current()
    assert current is not None
    assert current.label == await artifact_of(server) == "alpha/1"


async def test_a_server_starts_with_what_was_chosen_and_with_the_shipped_one_where_that_is_gone(
    models: tuple[ScriptedServer, ScriptedServer], tmp_path: Path
) -> None:
    folder = make_artifact(tmp_path / "models", "alpha")
    status, said = await underdog("artifacts", "use", "alpha", "--home", str(tmp_path), "--port", "1")
    assert status == 0
    assert "the next one with this home folder starts with it" in said
    async with routed(tmp_path, *models) as server:
        assert await artifact_of(server) == "alpha/1"
    folder.rename(tmp_path / "elsewhere")
    async with routed(tmp_path, *models) as server:
        assert await artifact_of(server) == "default/1"


async def test_vectors_of_two_encoders_never_meet_in_the_cache(server: LiveServer) -> None:
    tiny = kernel_parts.make_artifact(server.home / "models" / "tiny" / "3")
    asked = question("How do plants store energy?", model="weak")
    reworded = question("how do plants store energy", model="weak")

    async def outcomes() -> list[str]:
        async with server.http() as http:
            return [(await http.post(PATH, json=body)).headers["x-router-cache"] for body in (asked, reworded, asked)]

    assert await outcomes() == ["miss", "semantic", "exact"]
    await artifacts(server, "use", str(tiny))
    assert (await outcomes())[::2] == ["miss", "exact"]
    await artifacts(server, "rollback")
    assert await outcomes() == ["exact", "semantic", "exact"]
    async with server.http() as http:
        assert (await http.get("/cache/stats")).json()["errors"] == 0


async def test_where_the_settings_pin_an_artifact_there_is_no_choice(server: LiveServer) -> None:
    status, said = await underdog("artifacts", "use", "alpha", "--home", str(server.home), UNDERDOG_ARTIFACT="x/y")
    assert status == 1
    assert "UNDERDOG_ARTIFACT" in said
    assert Pointer(server.home).current() is None


async def test_a_server_that_pins_its_artifact_is_left_alone(
    models: tuple[ScriptedServer, ScriptedServer], tmp_path: Path
) -> None:
    alpha = make_artifact(tmp_path / "models", "alpha")
    make_artifact(tmp_path / "models", "beta")
    async with routed(tmp_path, *models, "--artifact", str(alpha)) as server:
        port = str(httpx.URL(server.url).port)
        status, said = await underdog("artifacts", "use", "beta", "--home", str(tmp_path), "--port", port)
        assert status == 1
        assert "pinned to alpha/1" in said
        Pointer(tmp_path).put(tmp_path / "models" / "beta" / "1", "beta/1", "")
        await asyncio.sleep(1.5)
        assert await artifact_of(server) == "alpha/1"


async def test_list_and_show_say_what_there_is_and_what_is_in_use(server: LiveServer) -> None:
    await artifacts(server, "use", "beta")
    home = ("--home", str(server.home))
    listed = await artifacts(server, "list", *home)
    assert [line.split()[1] for line in listed.splitlines() if line.startswith("*")] == ["beta/1"]
    rows = json.loads(await artifacts(server, "list", "--json", *home))
    assert {row["artifact"]: row["in_use"] for row in rows} == {"alpha/1": False, "beta/1": True, "default/1": False}
    shown = await artifacts(server, "show", *home)
    assert shown.startswith("artifact      beta/1: for tests")
    assert "verified" in shown
    described = json.loads(await artifacts(server, "show", "alpha", "--json", *home))
    assert described["artifact"] == "alpha/1"
    assert described["manifest"]["files"]


async def test_using_an_artifact_again_loads_what_was_made_anew_in_its_folder(server: LiveServer) -> None:
    await artifacts(server, "use", "alpha")
    make_artifact(server.home / "models", "alpha", slope=0.7)
    assert "serves it" in await artifacts(server, "use", "alpha")
    async with server.http() as http:
        decided = (await http.post("/v1/route", json=question(EASY))).json()
    assert decided["artifact"] == "alpha/1"
    assert decided["threshold"] == pytest.approx(0.57)
