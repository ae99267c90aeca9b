"""A running server whose settings' file changes under load: a real process, real sockets, a real file."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from router.reload.follow import EVERY_S
from router.upstream.scripted import ScriptedServer, Turn
from tests.live import EASY, HARD, LiveServer, live_server

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/chat/completions"
CHANGES = 20
CALLERS = 4


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def models() -> AsyncIterator[list[ScriptedServer]]:
    turns = [Turn(reply="Some words that take a while to be said.", piece_delay_ms=3)]
    servers = [ScriptedServer(model=name, turns=turns) for name in ("weak", "first", "second")]
    for server in servers:
        await server.start()
    yield servers
    for server in servers:
        await server.aclose()


def settings(models: list[ScriptedServer], strong: int = 1, more: str = "") -> str:
    weak = f'[[deployments]]\nroute = "weak"\nmodel = "weak"\nurl = "{models[0].base_url}"\n'
    name = models[strong].model
    return f'{more}\n{weak}[[deployments]]\nroute = "strong"\nmodel = "{name}"\nurl = "{models[strong].base_url}"\n'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def started(
    models: list[ScriptedServer], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[LiveServer, Path]]:
    folder = tmp_path_factory.mktemp("reload")
    file = folder / "settings.toml"
    file.write_text(settings(models))
    async with live_server(folder / "home", "--config", str(file), stderr=folder / "log") as running:
        yield running, file


@pytest_asyncio.fixture(loop_scope="module")
async def server(started: tuple[LiveServer, Path], models: list[ScriptedServer]) -> LiveServer:
    """The running server, brought back to the settings that it started with."""
    running, file = started
    write(file, settings(models))
    await in_use(running, "in use", "first")
    return running


@pytest.fixture
def file(started: tuple[LiveServer, Path]) -> Path:
    return started[1]


def log(server: LiveServer) -> str:
    return (server.home.parent / "log").read_text()


async def health(server: LiveServer) -> dict[str, Any]:
    async with server.http() as http:
        return dict((await http.get("/health")).json())


async def until(true: Callable[[], Any]) -> None:
    """Wait for a condition that comes within seconds where nothing is wrong."""
    async with asyncio.timeout(60):
        while not await true():
            await asyncio.sleep(0.05)


async def in_use(server: LiveServer, state: str, strong: str) -> None:
    async def is_so() -> bool:
        said = await health(server)
        return said["settings"]["state"] == state and said["upstreams"]["strong"]["model"] == strong

    await until(is_so)


def write(file: Path, text: str) -> None:
    """As editors and we do: whole or not at all."""
    beside = file.with_suffix(".new")
    beside.write_text(text)
    beside.replace(file)


def question(text: str, **fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **fields}


async def test_no_request_fails_while_the_file_changes_twenty_times_rightly_and_wrongly(
    server: LiveServer, file: Path, models: list[ScriptedServer]
) -> None:
    answers: list[httpx.Response] = []
    stop = asyncio.Event()

    async def caller(http: httpx.AsyncClient, number: int) -> None:
        for turn in itertools.count():
            if stop.is_set():
                return
            text = f"{HARD if turn % 2 else EASY} {number} {turn}"
            answers.append(await http.post(PATH, json=question(text, stream=bool(turn % 3))))

    async with server.http() as http, asyncio.TaskGroup() as group:
        for number in range(CALLERS):
            group.create_task(caller(http, number))
        strong = 1
        for number in range(CHANGES):
            if number % 2:
                write(file, settings(models, strong, f"threshold = {number + 2}"))
                await in_use(server, "refused", models[strong].model)
            else:
                strong = 3 - strong
                write(file, settings(models, strong, f"threshold = 0.{number + 10}"))
                await in_use(server, "in use", models[strong].model)
        stop.set()
    failed = [answer.text for answer in answers if answer.status_code != 200 or "error" in answer.text]
    assert failed == []
    by = {answer.headers["x-router-model"] for answer in answers}
    assert by == {"weak", "first", "second"}
    assert all(answer.text.endswith("data: [DONE]\n\n") for answer in answers if "event-stream" in str(answer.headers))
    assert len(answers) > CHANGES


async def test_a_request_under_way_finishes_with_what_it_began_with(
    server: LiveServer, file: Path, models: list[ScriptedServer]
) -> None:
    slow = Turn(reply="word " * 100, piece_delay_ms=40)
    async with ScriptedServer(model="slow", turns=[slow]) as old:
        four = [models[0], models[1], models[2], old]
        write(file, settings(four, 3))
        await in_use(server, "in use", "slow")
        async with server.http() as http:
            async with http.stream("POST", PATH, json=question(HARD, model="strong", stream=True)) as answer:
                pieces = answer.aiter_lines()
                await anext(pieces)
                write(file, settings(four, 1))
                await in_use(server, "in use", "first")
                other = await http.post(PATH, json=question(HARD, model="strong"))
                rest = [line async for line in pieces]
            assert other.headers["x-router-model"] == "first"
            assert answer.headers["x-router-model"] == "slow"
            assert rest[-2] == "data: [DONE]"
            assert old.clients_gone == 0


async def test_what_is_wrong_is_refused_with_line_and_reason_and_the_old_stays(
    server: LiveServer, file: Path, models: list[ScriptedServer]
) -> None:
    rule = '[[rules]]\nname = "r"\nthen = { model = "nobody" }\n'
    for text, line, reason in (
        (settings(models, 2, "threshold = 2"), 1, "line 1: threshold: must be a number from 0 to 1"),
        (settings(models, 2) + rule, 10, "line 10: rules: 'r': then.model: The model 'nobody' does not exist"),
        (settings(models, 2) + "port = \n", 10, "not valid TOML"),
        (settings(models, 2, "sticki = 1"), 1, "unknown setting 'sticki'; did you mean 'sticky'?"),
        (settings(models, 2, 'hook = "no.such:function"'), 1, "hook"),
    ):
        known = len(log(server))
        write(file, text)

        async def said(reason: str = reason, known: int = known) -> bool:
            return reason in log(server)[known:]

        await until(said)
        assert f"the settings in use stay: {file}" in log(server)[known:]
        assert (await health(server))["settings"] == {"state": "refused", "line": line, "waits_for_restart": []}
        assert (await health(server))["upstreams"]["strong"]["model"] == "first"
    file.unlink()

    async def is_gone() -> bool:
        return f"{file}: is gone" in log(server)

    await until(is_gone)
    write(file, settings(models, 1))
    await in_use(server, "in use", "first")
    assert f"{file}: sound again, and nothing changes by it" in log(server)
    write(file, settings(models, 2))
    await in_use(server, "in use", "second")


async def test_a_file_that_is_refused_at_a_signal_is_not_refused_once_more_by_who_watches_it(
    server: LiveServer, file: Path, models: list[ScriptedServer]
) -> None:
    known = len(log(server))

    def refusals() -> int:
        return log(server)[known:].count("the settings in use stay")

    async def refused(times: int) -> None:
        async def is_so() -> bool:
            return refusals() >= times

        await until(is_so)
        await asyncio.sleep(8 * EVERY_S)  # who watches the file has seen it change, and rest
        assert refusals() == times

    write(file, settings(models, 2, "threshold = 2"))
    server.process.send_signal(signal.SIGHUP)
    await refused(1)
    server.process.send_signal(signal.SIGHUP)  # whoever asks is answered, whether the file changed or not
    await refused(2)
    os.utime(file)
    await refused(3)
    file.unlink()
    server.process.send_signal(signal.SIGHUP)
    await refused(4)
    write(file, settings(models, 2))
    await in_use(server, "in use", "second")
    assert refusals() == 4


async def test_what_needs_a_restart_is_named_and_the_rest_is_in_use(
    server: LiveServer, file: Path, models: list[ScriptedServer]
) -> None:
    more = 'port = 1\nhome = "/elsewhere"\nhost = "localhost"\ndatabase_url = "postgresql://u:secret@h/d"\n'
    write(file, settings(models, 2, more))
    await in_use(server, "in use", "second")
    assert (await health(server))["settings"]["waits_for_restart"] == ["host", "database_url"]
    assert "needs a restart: host, database_url; until then" in log(server)
    assert "secret" not in log(server)
    assert "in use from now on: deployments" in log(server)


async def test_a_server_that_listens_beyond_loopback_is_not_opened_by_a_file_that_names_another_address(
    models: list[ScriptedServer], tmp_path: Path
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(settings(models, 1, 'host = "127.0.0.2"\napi_key = "sk-ours"'))
    async with live_server(tmp_path / "home", "--config", str(file), stderr=tmp_path / "log") as running:
        write(file, settings(models, 2, 'host = "127.0.0.1"'))
        await in_use(running, "refused", "first")
        assert "refusing to listen on 127.0.0.2 without a key" in log(running)
        async with running.http() as http:
            assert (await http.post(PATH, json=question(EASY))).status_code == 401


async def test_keys_limits_thresholds_rules_and_prices_are_taken_up(
    server: LiveServer, file: Path, models: list[ScriptedServer]
) -> None:
    async with server.http() as http:
        asked = await http.post("/v1/route", json=question(EASY))
        assert asked.json()["route"] == "weak"
        write(file, settings(models, 1, "threshold = 0"))

        async def is_strong() -> bool:
            return bool((await http.post("/v1/route", json=question(EASY))).json()["route"] == "strong")

        await until(is_strong)
        price = '[[prices]]\nmodel = "weak"\ninput = 1000\noutput = 1000\n'
        rule = '[[rules]]\nname = "all"\nthen = { route = "weak" }\n'
        write(file, settings(models, 1, 'api_key = "sk-new"\nrequests_per_minute = 1') + price + rule)

        async def is_closed() -> bool:
            return (await http.post("/v1/route", json=question(EASY))).status_code == 401

        await until(is_closed)
        http.headers["authorization"] = "Bearer sk-new"
        answer = await http.post(PATH, json=question(HARD))
        assert answer.headers["x-router-model"] == "weak"
        assert float(answer.headers["x-router-cost-usd"]) > 0
        again = await http.post(PATH, json=question(HARD + " Again."))
        assert again.status_code == 429
        write(file, settings(models, 1))

        async def is_open() -> bool:
            return (await http.post(PATH, json=question(HARD + " Once more."))).status_code == 200

        await until(is_open)
