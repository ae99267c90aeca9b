"""Each request as an operator sees it: over a real server, whose holders of keys see none of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from router.ledger.prompts import new_key
from router.upstream.scripted import ScriptedServer, Turn
from tests.e2e.keyed import MASTER, SHARED, Visitor, visiting
from tests.live import EASY, HARD, LiveServer, routed

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUESTS = "/console/api/requests"
ANSWER = "Paris, <b>of course</b>."
STORIES = ("Tell me a story about a fox.", "Tell me a tale about a fox.", "Tell me a story about a wolf.")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def models() -> AsyncIterator[tuple[ScriptedServer, ScriptedServer]]:
    async with (
        ScriptedServer(model="weak-model", turns=[Turn(reply=ANSWER)]) as weak,
        ScriptedServer(model="strong-model", turns=[Turn(reply="from the strong one")]) as strong,
    ):
        yield weak, strong


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def visitor(
    tmp_path_factory: pytest.TempPathFactory, models: tuple[ScriptedServer, ScriptedServer]
) -> AsyncIterator[Visitor]:
    """Of a server with a master key and a shared one, which keeps prompts under a key."""
    environ = {
        "UNDERDOG_MASTER_KEY": MASTER,
        "UNDERDOG_API_KEY": SHARED,
        "UNDERDOG_LEDGER_PROMPTS": "true",
        "UNDERDOG_LEDGER_PROMPTS_KEY": new_key(),
    }
    home = tmp_path_factory.mktemp("home")
    async with routed(home, *models, **environ) as server, visiting(server) as visitor:
        yield visitor


async def asked(visitor: Visitor, text: str, key: str = SHARED, **fields: Any) -> str:
    answer = await visitor.chat(key, text, **fields)
    assert answer.status_code == 200, answer.text
    return answer.headers["x-request-id"]


async def detail(visitor: Visitor, request_id: str) -> Any:
    answer = await visitor.ask("GET", f"{REQUESTS}/{request_id}", MASTER)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()


async def listed(visitor: Visitor, **query: Any) -> Any:
    answer = await visitor.ask("GET", REQUESTS, MASTER, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_decided_request_has_its_reasons_by_the_same_numbers_as_the_preview(visitor: Visitor) -> None:
    name = await asked(visitor, HARD)
    preview = await visitor.ask("POST", "/v1/route", SHARED, json={"messages": [{"role": "user", "content": HARD}]})
    evidence = preview.json()["evidence"]
    shown = await detail(visitor, name)
    assert shown["why_no_reasons"] is None
    assert shown["reasons"]["score"] == evidence["score"]
    strongest = list(shown["reasons"]["contributions"].items())[:5]
    assert strongest == list(evidence["contributions"].items())
    request = shown["request"]
    assert (request["route"], request["win_rate"], request["threshold"]) == (
        "strong",
        preview.json()["win_rate"],
        preview.json()["threshold"],
    )
    assert (request["attempts"], request["endpoint"], request["finish_reason"]) == (1, "/v1/chat/completions", "stop")
    assert request["scored_tokens"] == evidence["tokens"]


async def test_its_steps_are_told_in_order(visitor: Visitor) -> None:
    name = await asked(visitor, "How many legs has a spider?")
    steps = (await detail(visitor, name))["timeline"]
    assert [each["step"] for each in steps] == [
        "arrived",
        "let in",
        "decided",
        "looked in the cache",
        "asked the model",
        "first token",
        "end",
    ]
    at = [each["at_ms"] for each in steps]
    assert at == sorted(at)
    assert all(0 <= each["took_ms"] <= at[-1] for each in steps)


async def test_what_the_cache_answered_leads_to_what_was_answered_first(visitor: Visitor) -> None:
    first = await asked(visitor, "Which is the longest river?")
    again = await asked(visitor, "Which is the longest river?")
    shown = await detail(visitor, again)
    assert shown["request"]["cache"] == "exact"
    assert shown["reasons"] is None
    assert shown["answered_first"] == first
    assert "Answered from the cache" in shown["why_no_reasons"]
    assert first in shown["why_no_reasons"]
    assert "looked in the cache" in [each["step"] for each in shown["timeline"]]


async def test_a_pinned_request_says_that_nothing_was_decided(visitor: Visitor) -> None:
    shown = await detail(visitor, await asked(visitor, EASY, model="strong"))
    assert shown["reasons"] is None
    assert "named the model" in shown["why_no_reasons"]


async def test_the_nearest_requests_of_the_same_tenant_are_shown_with_what_was_kept(visitor: Visitor) -> None:
    stranger = await visitor.key(name="stranger")
    names = [await asked(visitor, story) for story in STORIES]
    theirs = await asked(visitor, STORIES[0] + " Please.", stranger["key"])
    await visitor.ask("POST", "/v1/feedback", SHARED, json={"request_id": names[1], "rating": "good"})
    near = (await detail(visitor, names[0]))["neighbours"]
    assert {each["request_id"] for each in near[:2]} == set(names[1:])
    assert theirs not in [each["request_id"] for each in near]
    assert len(near) == 5
    similarities = [each["similarity"] for each in near]
    assert similarities == sorted(similarities, reverse=True)
    assert similarities[0] > 0.7
    tale = next(each for each in near if each["request_id"] == names[1])
    assert (tale["prompt"], tale["rating"], tale["outcome"]) == (STORIES[1], "good", "ok")
    assert (await detail(visitor, theirs))["neighbours"] == []


async def test_an_operator_sees_what_was_said_as_it_was(visitor: Visitor) -> None:
    question = "<script>alert('x')</script> Where is the Louvre?"
    shown = await detail(visitor, await asked(visitor, question, model="weak"))
    assert shown["messages"] == [{"role": "user", "content": question}]
    assert shown["answer"] == ANSWER
    assert shown["why_no_messages"] is None


async def test_lists_are_narrowed_and_paged_the_newest_first(visitor: Visitor) -> None:
    pinned = [await asked(visitor, f"Say {word}.", model="strong") for word in ("one", "two", "three")]
    first = await listed(visitor, reason="pinned", route="strong", limit=2)
    assert [each["request_id"] for each in first["requests"]] == pinned[:0:-1]
    second = await listed(visitor, reason="pinned", route="strong", limit=1, before=first["next"])
    assert [each["request_id"] for each in second["requests"]] == pinned[:1]
    (found,) = (await listed(visitor, id=pinned[0]))["requests"]
    assert (found["request_id"], found["model"], found["tenant"]) == (pinned[0], "strong-model", "local")
    assert (await listed(visitor, id="<img src=x onerror=alert(1)>"))["requests"] == []
    assert (await listed(visitor, tenant="key:nobody"))["requests"] == []


SILLY: list[dict[str, Any]] = [
    {"limit": 0},
    {"limit": -1},
    {"limit": 201},
    {"limit": "1e9"},
    {"limit": 10**30},
    {"before": 0},
    {"before": 2**63},
    {"before": "'; DROP TABLE requests; --"},
    {"route": "a\x00b"},
    {"model": "line\nbreak"},
    {"id": "x" * 10_000},
    {"ids": "r"},
    {"prompt": "secret"},
]


@pytest.mark.parametrize("query", SILLY)
async def test_silly_queries_are_refused_by_their_field(visitor: Visitor, query: dict[str, Any]) -> None:
    answer = await visitor.ask("GET", REQUESTS, MASTER, params=query)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
    assert next(iter(query)) in answer.json()["error"]["message"]


ODD_IDS = [
    "nobody",
    "%3Cb%3Ex%3C%2Fb%3E",
    "a%00b",
    "%0d%0aset-cookie:x",
    "req_%F0%9F%92%A9",
    "x" * 5_000,
    "..%2f..%2fetc",
]


@pytest.mark.parametrize("name", ODD_IDS)
async def test_ids_that_nobody_has_are_not_found(visitor: Visitor, name: str) -> None:
    for method, path, body in (("GET", name, None), ("POST", f"{name}/rating", {"rating": "bad"})):
        answer = await visitor.ask(method, f"{REQUESTS}/{path}", MASTER, json=body)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/json"
        assert "set-cookie" not in answer.headers


async def test_a_rating_is_its_tenants_own_and_reaches_the_cache(visitor: Visitor) -> None:
    theirs = await visitor.key(name="rated")
    name = await asked(visitor, "Name a colour.", theirs["key"])
    assert (await visitor.chat(theirs["key"], "Name a colour.")).headers["x-router-cache"] == "exact"
    rated = await visitor.ask("POST", f"{REQUESTS}/{name}/rating", MASTER, json={"rating": "bad"})
    assert (rated.status_code, rated.json()) == (200, {"request_id": name, "rating": "bad"})
    assert (await visitor.chat(theirs["key"], "Name a colour.")).headers["x-router-cache"] == "miss"
    assert (await detail(visitor, name))["request"]["rating"] == "bad"
    (line,) = (await listed(visitor, id=name))["requests"]
    assert line["rating"] == "bad"


async def test_only_who_may_change_something_rates_for_others(visitor: Visitor) -> None:
    theirs = await visitor.key(name="not-yours")
    their_name, own_name = await asked(visitor, EASY, theirs["key"]), await asked(visitor, "Name a bird.")
    refused = await visitor.ask("POST", f"{REQUESTS}/{their_name}/rating", SHARED, json={"rating": "bad"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "admin_only")
    own = await visitor.ask("POST", f"{REQUESTS}/{own_name}/rating", SHARED, json={"rating": "good"})
    assert own.status_code == 200


@pytest.mark.parametrize("body", [{"rating": "fine"}, {}, {"rating": "good", "request_id": "other"}, [], "good"])
async def test_what_is_no_rating_is_refused(visitor: Visitor, body: Any) -> None:
    name = await asked(visitor, EASY)
    answer = await visitor.ask("POST", f"{REQUESTS}/{name}/rating", MASTER, json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "rating")


async def test_nobody_else_sees_any_of_it(visitor: Visitor) -> None:
    key = (await visitor.key(name="curious"))["key"]
    own = await asked(visitor, EASY, key)
    calls: list[tuple[str, str]] = [
        ("GET", "/console/api/session"),
        ("GET", "/console/api/live"),
        ("GET", REQUESTS),
        ("GET", f"{REQUESTS}?tenant=key:x"),
        ("GET", f"{REQUESTS}/{own}"),
        ("POST", f"{REQUESTS}/{own}/rating"),
    ]
    for method, path in calls:
        for stranger, status in ((key, 403), ("wrong", 401), (None, 401)):
            answer = await visitor.ask(method, path, stranger)
            assert answer.status_code == status, (method, path)
            assert own not in answer.text


async def test_who_may_look_with_the_shared_key_sees_every_tenant(visitor: Visitor) -> None:
    key = (await visitor.key(name="seen"))["key"]
    name = await asked(visitor, EASY, key)
    answer = await visitor.ask("GET", f"{REQUESTS}/{name}", SHARED)
    assert answer.json()["request"]["request_id"] == name


async def test_what_was_said_with_a_callers_own_key_is_shown_to_the_master_key_alone(visitor: Visitor) -> None:
    theirs = (await visitor.key(name="secretive"))["key"]
    first = await asked(visitor, "What ails my left knee, and whom do I tell?", theirs)
    second = await asked(visitor, "What ails my right knee, and whom do I tell?", theirs)
    shown = await detail(visitor, second)
    assert "right knee" in json.dumps(shown["messages"])
    assert [each["prompt"] for each in shown["neighbours"] if each["request_id"] == first] != [None]
    looked = await visitor.ask("GET", f"{REQUESTS}/{second}", SHARED)
    assert looked.status_code == 200
    assert " knee" not in looked.text
    assert (looked.json()["messages"], looked.json()["answer"]) == (None, None)
    assert "master key alone" in looked.json()["why_no_messages"]
    assert "own words" in (await visitor.ask("GET", f"{REQUESTS}/{await asked(visitor, 'My own words.')}", SHARED)).text


async def test_what_a_server_before_this_one_answered_is_in_the_ledger_still(
    tmp_path: Path, models: tuple[ScriptedServer, ScriptedServer]
) -> None:
    async with routed(tmp_path, *models) as server:
        answer = await _chat(server, HARD)
        name = answer.headers["x-request-id"]
    async with routed(tmp_path, *models) as server, server.http() as http:
        assert (await http.get(REQUESTS)).json()["requests"][0]["request_id"] == name
        shown = (await http.get(f"{REQUESTS}/{name}")).json()
        refused = [
            await http.get(f"{REQUESTS}/{name}", headers=headers)
            for headers in ({"origin": "https://evil.example"}, {"host": "evil.example"})
        ]
    assert shown["request"]["route"] == "strong"
    assert (shown["reasons"], shown["neighbours"], shown["messages"], shown["answer"]) == (None, [], None, None)
    assert "memory" in shown["why_no_reasons"]
    assert "ledger_prompts" in shown["why_no_messages"]
    assert [each["step"] for each in shown["timeline"]] == [
        "arrived",
        "decided",
        "looked in the cache",
        "first token",
        "end",
    ]
    assert [answer.status_code for answer in refused] == [403, 403]


async def _chat(server: LiveServer, text: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
    async with server.http() as http, asyncio.timeout(30):
        body = {"messages": [{"role": "user", "content": text}]}
        return await http.post("/v1/chat/completions", json=body, headers=dict(headers or {}))
