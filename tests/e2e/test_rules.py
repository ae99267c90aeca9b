"""Over HTTP: the operator's rules and hook come before the score, and no request gets past them."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from router.upstream.scripted import ScriptedServer
from tests.live import EASY, HARD, LiveServer, live_server, routed

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEEDS = itertools.count()
RULES = """
[[rules]]
name = "no passwords"
when = { regex = '(?i)password\\s*[:=]' }
then = { refuse = "Passwords do not belong here." }

[[rules]]
name = "nothing kept"
when = { header = { x-private = "*" } }
then = { cache = false }
continue = true

[[rules]]
name = "german"
when = { language = "de" }
then = { route = "strong" }

[[rules]]
name = "thrift"
when = { header = { x-app = "batch*" } }
then = { min_threshold = 1.0 }

[[rules]]
name = "by name"
when = { model = "gpt-*" }
then = { model = "weak-model" }
"""
HOOK = """
def choose(facts, decision):
    if "crash" in facts.text:
        raise RuntimeError(facts.text)
    if "vip" in facts.headers.get("x-tags", ""):
        return {"route": "strong", "reason": "vip customer"}
    if facts.text == "forbidden":
        return {"refuse": "Not this."}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(
    tmp_path_factory: pytest.TempPathFactory, weak: ScriptedServer, strong: ScriptedServer
) -> AsyncIterator[LiveServer]:
    home = tmp_path_factory.mktemp("home")
    (home / "underdog.toml").write_text(RULES)
    (home / "hook.py").write_text(HOOK)
    arguments = ["--config", str(home / "underdog.toml"), "--hook", f"{home / 'hook.py'}:choose"]
    async with routed(home, weak, strong, *arguments) as running:
        yield running


async def ask(
    server: LiveServer, content: str = EASY, *, path: str = "/v1/chat/completions", query: str = "", **body: Any
) -> httpx.Response:
    headers = body.pop("headers", {})
    async with server.http() as http:
        messages = [{"role": "user", "content": content}]
        seed = {"seed": next(SEEDS)} if body.pop("fresh", True) else {}
        return await http.post(f"{path}{query}", json={"messages": messages, **seed, **body}, headers=headers)


def said(answer: httpx.Response) -> tuple[str, ...]:
    names = ("x-router-route", "x-router-reason", "x-router-rule")
    return tuple(answer.headers.get(name, "-") for name in names)


async def test_a_request_that_no_rule_is_about_is_decided_as_ever(server: LiveServer) -> None:
    assert said(await ask(server)) == ("weak", "win-rate", "-")
    assert said(await ask(server, HARD)) == ("strong", "win-rate", "-")


async def test_a_rule_chooses_the_route_whatever_the_caller_wants(server: LiveServer) -> None:
    question = "Wie heißt die Hauptstadt von Schweden?"
    for wish in ({}, {"model": "weak"}, {"model": "weak-model"}, {"query": "?threshold=1"}):
        assert said(await ask(server, question, **wish)) == ("strong", "rule", "german")


async def test_a_rule_bounds_every_kind_of_wish(server: LiveServer) -> None:
    batch = {"headers": {"x-app": "batch-7"}}
    wishes: list[dict[str, Any]] = [
        {},
        {"model": "strong"},
        {"model": "strong-model"},
        {"query": "?threshold=0"},
        {"query": "?quality=1"},
        {"model": "router-mf-0"},
    ]
    for wish in wishes:
        assert said(await ask(server, HARD, **batch, **wish)) == ("weak", "rule", "thrift"), wish
    # Who asks for what the bound allows anyway is not moved.
    assert said(await ask(server, HARD, **batch, model="weak")) == ("weak", "pinned", "thrift")


async def test_a_rule_gives_another_model_for_one_that_is_not_here(server: LiveServer) -> None:
    assert said(await ask(server, HARD, model="gpt-4o")) == ("weak", "rule", "by name")


async def test_a_rule_turns_a_request_away(server: LiveServer, weak: ScriptedServer, strong: ScriptedServer) -> None:
    before = len(weak.chats), len(strong.chats)
    answer = await ask(server, "My password: hunter2")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (403, "refused_by_rule")
    assert error["message"] == "Passwords do not belong here."
    assert answer.headers["x-router-rule"] == "no passwords"
    assert (len(weak.chats), len(strong.chats)) == before
    row = await server.ledger_row(answer.headers["x-request-id"])
    assert (row["status"], row["error_code"]) == (403, "refused_by_rule")
    preview = await ask(server, "My password: hunter2", path="/v1/route")
    assert (preview.status_code, preview.headers["x-router-rule"]) == (403, "no passwords")


async def test_a_rule_keeps_a_request_out_of_the_cache_and_answers_none_from_it(server: LiveServer) -> None:
    question, private = "Which river runs through Vienna?", {"headers": {"x-private": "yes"}}
    assert (await ask(server, question, fresh=False)).headers["x-router-cache"] == "miss"
    assert (await ask(server, question, fresh=False)).headers["x-router-cache"] == "exact"
    answer = await ask(server, question, fresh=False, **private)
    assert (answer.headers["x-router-cache"], answer.headers["x-router-rule"]) == ("bypass", "nothing kept")
    other = "Which river runs through Graz?"
    await ask(server, other, fresh=False, **private)
    assert (await ask(server, other, fresh=False)).headers["x-router-cache"] == "miss"


async def test_an_answer_from_the_cache_says_the_rule_too(server: LiveServer) -> None:
    question = "Warum ist der Himmel blau und das Meer auch?"
    await ask(server, question, fresh=False)
    again = await ask(server, question, fresh=False)
    assert (again.headers["x-router-cache"], again.headers["x-router-rule"]) == ("exact", "german")


async def test_the_preview_shows_the_rule(server: LiveServer) -> None:
    preview = (await ask(server, "Wie heißt die Hauptstadt von Schweden?", path="/v1/route")).json()
    assert (preview["route"], preview["reason"], preview["rule"], preview["eligible"]) == (
        "strong",
        "rule",
        "german",
        ["strong"],
    )


async def test_the_hook_has_the_last_word(server: LiveServer) -> None:
    vip = {"headers": {"x-tags": "a,vip"}}
    assert said(await ask(server, **vip)) == ("strong", "hook", "vip customer")
    assert said(await ask(server, **vip, model="weak")) == ("strong", "hook", "vip customer")
    refused = await ask(server, "forbidden")
    assert (refused.status_code, refused.json()["error"]["message"]) == (403, "Not this.")


async def test_a_request_at_which_the_hook_fails_is_not_answered(server: LiveServer, weak: ScriptedServer) -> None:
    before = len(weak.chats)
    answer = await ask(server, "crash, my secret")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "hook_failed")
    assert "secret" not in answer.text
    assert len(weak.chats) == before


async def test_a_rule_that_leads_nowhere_stops_the_start(
    tmp_path_factory: pytest.TempPathFactory, weak: ScriptedServer
) -> None:
    for then in ('{"route": "strong"}', '{"model": "gpt-9"}'):
        environ = {"UNDERDOG_RULES": f'[{{"name": "up", "then": {then}}}]'}
        with pytest.raises(AssertionError, match="ended with status 1"):
            async with live_server(
                tmp_path_factory.mktemp("home"), "--weak-url", weak.base_url, "--weak-model", "w", environ=environ
            ):
                pass


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages", {"messages": [{"role": "user", "content": "password: x"}], "max_tokens": 9, "stream": True}),
        ("/v1/responses", {"input": "password: x"}),
        ("/v1/completions", {"prompt": "password: x"}),
    ],
)
async def test_rules_hold_for_every_protocol(server: LiveServer, path: str, body: dict[str, Any]) -> None:
    async with server.http() as http:
        answer = await http.post(path, json={"model": "auto", **body})
    assert (answer.status_code, answer.headers["x-router-rule"]) == (403, "no passwords")
    assert answer.json()["error"]["message"] == "Passwords do not belong here."
