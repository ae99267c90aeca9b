"""Looking into a running server's cache, over HTTP and by command; and into its file, where no server runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from click.testing import CliRunner, Result

from router.cli import main
from router.upstream.scripted import ScriptedServer, Turn
from tests.live import LiveServer, routed

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/chat/completions"
KEY = {"authorization": "Bearer sesame"}
QUESTIONS = [f"What is the {name} of France?" for name in ("capital", "anthem", "currency")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LiveServer]:
    async with (
        ScriptedServer(model="weak-model", turns=[Turn(reply="an answer \x1b[31m in red")]) as weak,
        routed(tmp_path_factory.mktemp("home"), weak, None, UNDERDOG_API_KEY="sesame") as running,
    ):
        yield running


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def _three_answers(server: LiveServer) -> None:
    async with server.http() as http:
        assert (await http.delete("/cache/entries", headers=KEY)).status_code == 200
    for question in QUESTIONS:
        await asked(server, question)


async def asked(server: LiveServer, question: str) -> str:
    """Ask; gives what the cache had."""
    async with server.http() as http:
        body = {"messages": [{"role": "user", "content": question}]}
        answer = await http.post(PATH, json=body, headers=KEY)
    assert answer.status_code == 200
    return str(answer.headers["x-router-cache"])


async def call(server: LiveServer, method: str, path: str, headers: dict[str, str] = KEY) -> Any:
    async with server.http() as http:
        return await http.request(method, path, headers=headers)


async def underdog(server: LiveServer, *arguments: str, key: str | None = "sesame", stdin: str | None = None) -> Result:
    """A command that finds the server by its port."""
    where = ["--home", str(server.home), "--port", server.url.rpartition(":")[2]]
    run = CliRunner(env={"UNDERDOG_API_KEY": key} if key else {}).invoke
    return await asyncio.to_thread(run, main, ["cache", *arguments, *where], input=stdin, prog_name="underdog")


async def test_entries_are_listed_newest_first_without_a_word_of_what_was_asked(server: LiveServer) -> None:
    assert await asked(server, QUESTIONS[0]) == "exact"
    answer = await call(server, "GET", "/cache/entries?limit=2")
    found = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert found["total"] == 3
    assert [len(entry["id"]) for entry in found["entries"]] == [64, 64]
    newest = found["entries"][0]
    assert (newest["hits"], newest["model"], newest["route"], newest["tenant"]) == (0, "weak-model", "weak", "local")
    assert 0 <= newest["age_s"] < newest["expires_in_s"] <= 86_400
    assert "France" not in answer.text


async def test_the_most_valuable_come_first_where_that_is_asked_for(server: LiveServer) -> None:
    for _ in range(3):
        await asked(server, QUESTIONS[1])
    found = (await call(server, "GET", "/cache/entries?order=value&questions=true")).json()
    assert (found["entries"][0]["question"], found["entries"][0]["hits"]) == (QUESTIONS[1], 3)


async def test_questions_are_searched_over_http_by_command_and_in_the_file(server: LiveServer) -> None:
    found = (await call(server, "GET", "/cache/entries?q=ANTHEM&questions=true")).json()
    assert [entry["question"] for entry in found["entries"]] == [QUESTIONS[1]]
    assert found["total"] == 1
    assert (await call(server, "GET", "/cache/entries?q=anthem")).json()["entries"][0]["question"] is None
    listed = await underdog(server, "list", "--search", "currency of", "--json")
    assert json.loads(listed.output)["total"] == 1
    offline = await underdog(server, "list", "--search", "THE", "--offline", "--json")
    assert json.loads(offline.output)["total"] == len(QUESTIONS)


async def test_one_entry_is_shown_with_question_and_answer_and_let_go_of(server: LiveServer) -> None:
    entry = (await call(server, "GET", "/cache/entries?limit=1")).json()["entries"][0]["id"]
    shown = (await call(server, "GET", f"/cache/entries/{entry[:8]}")).json()
    assert (shown["turns"], shown["answer"]) == ([QUESTIONS[2]], "an answer \x1b[31m in red")
    assert shown["body"]["object"] == "chat.completion"
    gone = await call(server, "DELETE", f"/cache/entries/{entry}")
    assert (gone.status_code, gone.json()) == (200, {"evicted": 1, "id": entry})
    assert (await call(server, "GET", f"/cache/entries/{entry}")).status_code == 404
    assert await asked(server, QUESTIONS[2]) == "miss"


async def test_conditions_choose_what_goes_and_none_means_all(server: LiveServer) -> None:
    for query in ("?model=another-model", "?older_than_s=3600"):
        assert (await call(server, "DELETE", f"/cache/entries{query}")).json()["evicted"] == 0
    assert (await call(server, "DELETE", "/cache/entries?model=weak-model&older_than_s=0")).json()["evicted"] == 3
    assert await asked(server, QUESTIONS[0]) == "miss"
    assert (await call(server, "DELETE", "/cache/entries")).json()["evicted"] == 1


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "param"),
    [
        ("GET", "/cache/entries/0123456789", 404, "entry_not_found", "id"),
        ("GET", "/cache/entries/a", 404, "entry_not_found", "id"),
        ("DELETE", "/cache/entries/nonsense", 404, "entry_not_found", "id"),
        ("DELETE", "/cache/entries?oldr_than_s=3", 400, None, "oldr_than_s"),
        ("DELETE", "/cache/entries?older_than_s=-3", 400, None, "older_than_s"),
        ("DELETE", "/cache/entries?older_than_s=", 400, None, "older_than_s"),
        ("GET", "/cache/entries?order=oldest", 400, None, "order"),
        ("GET", "/cache/entries?q=", 400, None, "q"),
        ("GET", f"/cache/entries?q={'x' * 201}", 400, None, "q"),
        ("DELETE", "/cache/entries?q=capital", 400, None, "q"),
        ("POST", "/cache/entries", 405, "method_not_allowed", None),
    ],
)
async def test_what_cannot_be_meant_is_refused_in_openais_form_and_changes_nothing(
    server: LiveServer, method: str, path: str, status: int, code: str | None, param: str | None
) -> None:
    answer = await call(server, method, path)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)
    assert error["type"] == "invalid_request_error"
    assert (await call(server, "GET", "/cache/entries")).json()["total"] == 3


async def test_nobody_looks_without_the_key(server: LiveServer) -> None:
    for method, path in (("GET", "/cache/entries"), ("GET", "/cache/entries/abcdef"), ("DELETE", "/cache/entries")):
        assert (await call(server, method, path, headers={})).status_code == 401


async def test_figures_say_what_is_held_and_how_the_file_is_doing(server: LiveServer) -> None:
    await asked(server, QUESTIONS[0])
    async with asyncio.timeout(30):
        while (stats := (await call(server, "GET", "/cache/stats")).json())["file"]["queue"]:
            await asyncio.sleep(0.05)
    assert (stats["entries"], stats["file"]["state"], stats["file"]["persisted"]) == (3, "ready", 3)
    assert stats["hits_exact"] >= 1
    assert stats["departed"]["removed"] >= 3
    metrics = (await call(server, "GET", "/metrics")).text
    assert "\nunderdog_cache_entries 3\n" in metrics
    assert "\nunderdog_cache_persisted_entries 3\n" in metrics
    assert 'underdog_cache_departures_total{reason="removed"}' in metrics
    assert f'underdog_cache_lookups_total{{result="exact"}} {stats["hits_exact"]}\n' in metrics


async def test_the_command_lists_without_questions_unless_asked_to(server: LiveServer) -> None:
    said = await underdog(server, "list")
    assert said.exit_code == 0
    assert "France" not in said.output
    assert f"3 of 3 entries of the server on {server.url}." in said.output.replace("\n", " ")
    shown = await underdog(server, "list", "--show-questions", "--width", "20", "--json")
    assert {entry["question"] for entry in json.loads(shown.output)["entries"]} == set(QUESTIONS)


async def test_the_command_shows_one_entry_and_lets_nobody_steer_the_terminal(server: LiveServer) -> None:
    entry = (await call(server, "GET", "/cache/entries?limit=1")).json()["entries"][0]["id"]
    said = await underdog(server, "show", entry[:10])
    assert said.exit_code == 0
    assert QUESTIONS[2] in said.output
    assert "an answer" in said.output
    assert "\x1b[31m" not in said.output


async def test_the_command_evicts_by_id_and_by_age(server: LiveServer) -> None:
    ids = [entry["id"] for entry in (await call(server, "GET", "/cache/entries")).json()["entries"]]
    assert "2 cached answers let go of" in (await underdog(server, "evict", ids[0][:8], ids[1])).output
    assert json.loads((await underdog(server, "evict", "--older-than", "1d", "--json")).output) == {"evicted": 0}
    assert json.loads((await underdog(server, "evict", "--older-than", "0s", "--json")).output) == {"evicted": 1}


@pytest.mark.parametrize(
    "arguments", [("evict",), ("evict", "abcdef", "--model", "m"), ("evict", "--older-than", "soon"), ("show",)]
)
async def test_the_command_refuses_what_it_cannot_understand(server: LiveServer, arguments: tuple[str, ...]) -> None:
    assert (await underdog(server, *arguments)).exit_code == 2


async def test_the_command_asks_before_it_clears(server: LiveServer) -> None:
    refused = await underdog(server, "clear", stdin="n\n")
    assert refused.exit_code == 1
    assert "Let go of all 3 cached answers" in refused.output
    assert (await call(server, "GET", "/cache/entries")).json()["total"] == 3
    assert "3 cached answers let go of" in (await underdog(server, "clear", "--yes")).output


async def test_the_command_says_what_it_needs_where_the_server_has_a_key(server: LiveServer) -> None:
    said = await underdog(server, "stats", key=None)
    assert said.exit_code == 1
    assert "set UNDERDOG_API_KEY" in said.output
    assert (await underdog(server, "stats")).output.count("persisted") == 1
    unknown = await underdog(server, "show", "0123456789")
    assert unknown.exit_code == 1
    assert "There is no entry '0123456789' of yours." in unknown.output


async def test_where_no_server_runs_the_file_is_looked_into(tmp_path: Path) -> None:
    def cache(*arguments: str) -> Result:
        where = ["--home", str(tmp_path), "--port", "1"]
        return CliRunner().invoke(main, ["cache", *arguments, *where], prog_name="underdog")

    assert "there is no such file" in (await asyncio.to_thread(cache, "list")).output
    async with (
        ScriptedServer(model="weak-model", turns=[Turn(reply="kept")]) as weak,
        routed(tmp_path, weak, None) as server,
        server.http() as http,
    ):
        for question in QUESTIONS:
            body = {"messages": [{"role": "user", "content": question}]}
            assert (await http.post(PATH, json=body)).status_code == 200
    listed = json.loads((await asyncio.to_thread(cache, "list", "--json", "--show-questions")).output)
    assert [entry["question"] for entry in listed["entries"]] == QUESTIONS[::-1]
    shown = json.loads((await asyncio.to_thread(cache, "show", listed["entries"][0]["id"][:9], "--json")).output)
    assert (shown["turns"], shown["answer"]) == ([QUESTIONS[2]], "kept")
    assert json.loads((await asyncio.to_thread(cache, "stats", "--json")).output)["entries"] == 3
    assert json.loads((await asyncio.to_thread(cache, "evict", "--json", listed["entries"][0]["id"])).output) == {
        "evicted": 1
    }
    assert "no entry 'ffffffff'" in (await asyncio.to_thread(cache, "show", "ffffffff")).output
    assert json.loads((await asyncio.to_thread(cache, "clear", "--yes", "--json")).output) == {"evicted": 2}
    assert json.loads((await asyncio.to_thread(cache, "list", "--json")).output)["total"] == 0
