"""A stored promise decides where it covers what is asked for, and the answer says what was promised."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from click.testing import CliRunner

from router.cli import main
from router.scoring.artifact import default_artifact_path
from router.scoring.curve import OperatingPoint, Promise
from router.upstream.scripted import ScriptedServer, Turn
from tests.live import EASY, HARD, LiveServer, routed
from training.tuning import store

pytestmark = pytest.mark.asyncio(loop_scope="module")

THRESHOLD = 0.751234
SAID = "quality>=0.8; confidence=0.95; n=1500; date=2026-11-23"
MESSAGES = [{"role": "user", "content": EASY}]


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("artifacts") / "promising"
    shutil.copytree(default_artifact_path(), folder)
    point = OperatingPoint(
        threshold=THRESHOLD,
        strong_share=0.7,
        quality=0.9,
        n=1500,
        promise=Promise(kind="quality", target=0.8, confidence=0.95),
        date="2026-11-23",
        file="labels.jsonl",
    )
    store(folder, "mine", point)
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory, artifact: Path) -> AsyncIterator[LiveServer]:
    async with (
        ScriptedServer(model="weak-model", turns=[Turn(reply="weak")]) as weak,
        ScriptedServer(model="strong-model", turns=[Turn(reply="strong")]) as strong,
        routed(tmp_path_factory.mktemp("home"), weak, strong, "--artifact", str(artifact)) as running,
    ):
        yield running


async def ask(server: LiveServer, path: str = "/v1/chat/completions", **wish: Any) -> Any:
    body = {"messages": MESSAGES, "model": wish.get("model", "auto"), "stream": wish.get("stream", False)}
    async with server.http() as http:
        return await http.post(path, params=wish.get("query", {}), headers=wish.get("headers", {}), json=body)


@pytest.mark.parametrize(
    "wish",
    [
        {"query": {"quality": "0.8"}},
        {"query": {"quality": "0.75"}},
        {"headers": {"x-router-quality": "0.8"}},
        {"model": "auto:mine"},
        {"model": "auto:mine", "stream": True},
    ],
)
async def test_a_wish_that_a_promise_covers_gets_its_threshold_and_the_promise(
    server: LiveServer, wish: dict[str, Any]
) -> None:
    headers = (await ask(server, **wish)).headers
    assert headers["x-router-promise"] == SAID
    assert float(headers["x-router-threshold"]) == pytest.approx(THRESHOLD, abs=1e-4)


@pytest.mark.parametrize(
    "wish", [{"query": {"quality": "0.9"}}, {"query": {"strong_share": "0.5"}}, {"model": "auto:cheap"}]
)
async def test_a_wish_that_no_promise_covers_is_answered_by_an_estimate_that_is_no_promise(
    server: LiveServer, wish: dict[str, Any]
) -> None:
    assert (await ask(server, **wish)).headers["x-router-promise"] == "none"


@pytest.mark.parametrize("wish", [{}, {"query": {"threshold": "0.5"}}, {"model": "weak"}])
async def test_nothing_is_said_of_promises_where_nothing_of_the_kind_was_asked(
    server: LiveServer, wish: dict[str, Any]
) -> None:
    assert "x-router-promise" not in (await ask(server, **wish)).headers


async def test_a_cached_answer_says_it_too(server: LiveServer) -> None:
    await ask(server, query={"quality": "0.79"})
    again = await ask(server, query={"quality": "0.79"})
    assert again.headers["x-router-cache"] == "exact"
    assert again.headers["x-router-promise"] == SAID


async def test_the_explanation_and_the_list_of_models_say_it_and_openai_clients_read_both(server: LiveServer) -> None:
    decision = (await ask(server, "/v1/route", query={"quality": "0.8"})).json()
    assert (decision["threshold"], decision["promise"]) == (THRESHOLD, SAID)
    assert (await ask(server, "/v1/route")).json()["promise"] is None
    listed = {model.id: model.model_dump() async for model in server.client().models.list()}
    assert listed["auto:mine"]["promise"] == SAID
    assert "promise" not in listed["auto:cheap"]
    answer = await server.client().chat.completions.create(model="auto:mine", messages=MESSAGES)
    assert answer.choices[0].message.content in ("weak", "strong")


@pytest.mark.parametrize("prompt", [EASY, HARD])
async def test_without_a_strong_model_no_quality_is_promised(tmp_path: Path, artifact: Path, prompt: str) -> None:
    async with (
        ScriptedServer(model="weak-model", turns=[Turn(reply="weak")]) as weak,
        routed(tmp_path, weak, None, "--artifact", str(artifact)) as server,
        server.http() as http,
    ):
        body = {"messages": [{"role": "user", "content": prompt}], "model": "auto:mine"}
        headers = (await http.post("/v1/chat/completions", json=body)).headers
        listed = {model.id: model.model_dump() async for model in server.client().models.list()}
    assert headers["x-router-route"] == "weak"
    assert headers["x-router-promise"] == "none"
    assert "promise" not in listed["auto:mine"]


async def test_the_command_line_explains_by_the_same_dial(artifact: Path) -> None:
    words = ["route", EASY, "--artifact", str(artifact)]
    assert f"promise: {SAID}" in CliRunner().invoke(main, [*words, "--quality", "0.8"]).output
    assert f"promise: {SAID}" in CliRunner().invoke(main, [*words, "--point", "mine"]).output
    assert "promise: none" in CliRunner().invoke(main, [*words, "--strong-share", "0.4"]).output
    assert "promise" not in CliRunner().invoke(main, words).output
    assert CliRunner().invoke(main, [*words, "--quality", "nan"]).exit_code == 1
    assert CliRunner().invoke(main, [*words, "--quality", "0.5", "--point", "mine"]).exit_code == 2
