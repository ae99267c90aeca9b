"""Requests find their model, and the answer says which one and why."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from router.upstream.scripted import ScriptedServer
from tests.live import EASY, HARD, LiveServer, routed

pytestmark = pytest.mark.asyncio(loop_scope="module")

MESSAGES = [{"role": "user", "content": EASY}]
SEEDS = itertools.count()
"""A seed of its own keeps each request out of the cache of the others."""


async def ask(server: LiveServer, *, path: str = "/v1/chat/completions", **body: Any) -> Any:
    query = body.pop("query", {})
    headers = body.pop("headers", {})
    async with server.http() as http:
        body = {"messages": MESSAGES, "seed": next(SEEDS), **body}
        return await http.post(path, params=query, headers=headers, json=body)


async def test_an_easy_prompt_goes_to_the_weak_model_and_a_hard_one_to_the_strong(server: LiveServer) -> None:
    easy = await ask(server)
    hard = await ask(server, messages=[{"role": "user", "content": HARD}])
    assert easy.json()["choices"][0]["message"]["content"] == "from the weak one"
    assert hard.json()["choices"][0]["message"]["content"] == "from the strong one"
    assert float(easy.headers["x-router-win-rate"]) < float(hard.headers["x-router-win-rate"])


async def test_the_headers_say_what_happened(server: LiveServer) -> None:
    headers = (await ask(server)).headers
    assert headers["x-router-route"] == "weak"
    assert headers["x-router-model"] == "weak-model"
    assert headers["x-router-reason"] == "win-rate"
    assert headers["x-router-cache"] == "miss"
    assert headers["x-router-artifact"] == "default/1"
    assert 0 < float(headers["x-router-win-rate"]) < float(headers["x-router-threshold"]) < 1
    assert headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize(
    "wish",
    [
        {"query": {"threshold": "0"}},
        {"query": {"quality": "1"}},
        {"query": {"strong_share": "1"}},
        {"headers": {"x-router-threshold": "0"}},
        {"model": "strong"},
        {"model": "cloud"},
        {"model": "strong-model"},
        {"model": "router-mf-0"},
    ],
)
async def test_every_way_of_asking_for_strong_is_followed(server: LiveServer, wish: dict[str, Any]) -> None:
    answer = await ask(server, **wish)
    assert answer.headers["x-router-route"] == "strong"
    assert answer.json()["model"] == "strong-model"


@pytest.mark.parametrize(
    "wish",
    [
        {"query": {"threshold": "1"}},
        {"query": {"quality": "0"}},
        {"query": {"strong_share": "0"}},
        {"headers": {"x-router-strong-share": "0"}},
        {"model": "weak"},
        {"model": "local"},
        {"model": "weak-model"},
        {"model": "router-mf-1"},
    ],
)
async def test_every_way_of_asking_for_weak_is_followed(server: LiveServer, wish: dict[str, Any]) -> None:
    answer = await ask(server, messages=[{"role": "user", "content": HARD}], **wish)
    assert answer.headers["x-router-route"] == "weak"


async def test_named_operating_points_order_the_thresholds(server: LiveServer) -> None:
    asked = [await ask(server, path="/v1/route", model=f"auto:{name}") for name in ("best", "balanced", "cheap")]
    thresholds = [answer.json()["threshold"] for answer in asked]
    assert thresholds == sorted(thresholds)
    assert thresholds[0] < thresholds[-1]


@pytest.mark.parametrize("dial", ["threshold", "quality", "strong_share"])
async def test_a_dial_out_of_range_gets_a_400_that_names_it(server: LiveServer, dial: str) -> None:
    answer = await ask(server, query={dial: "1.5"})
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert error["param"] == dial
    assert error["type"] == "invalid_request_error"
    assert "0 to 1" in error["message"]


@pytest.mark.parametrize("model", ["gpt-17", "auto:extreme"])
async def test_a_model_that_does_not_exist_is_named(server: LiveServer, model: str) -> None:
    answer = await ask(server, model=model)
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]["param"] == "model"
    assert model in answer.json()["error"]["message"]


async def test_route_says_where_a_request_would_go_and_asks_nobody(
    server: LiveServer, weak: ScriptedServer, strong: ScriptedServer
) -> None:
    before = len(weak.chats), len(strong.chats), len(server.ledger_rows())
    answer = await ask(server, path="/v1/route")
    decision = answer.json()
    expected = {
        "route",
        "model",
        "reason",
        "win_rate",
        "threshold",
        "artifact",
        "cost_usd",
        "baseline_cost_usd",
        "evidence",
        "promise",
        "rule",
        "paced_by",
        "eligible",
    }
    assert answer.status_code == 200
    assert set(decision) == expected
    assert (decision["route"], decision["model"], decision["reason"]) == ("weak", "weak-model", "win-rate")
    assert decision["evidence"]["contributions"]
    assert before == (len(weak.chats), len(strong.chats), len(server.ledger_rows()))


async def test_unknown_fields_reach_the_upstream_and_its_answer_comes_back_untouched(
    server: LiveServer, weak: ScriptedServer
) -> None:
    await ask(server, seed=7, reasoning={"effort": "low"}, made_up_next_year=[1, 2])
    body = weak.chats[-1].body
    assert (body["seed"], body["reasoning"], body["made_up_next_year"]) == (7, {"effort": "low"}, [1, 2])
    assert body["model"] == "weak-model"


async def test_the_models_list_names_routes_and_models(server: LiveServer) -> None:
    client = server.client()
    names = [model.id async for model in client.models.list()]
    assert {"auto", "auto:cheap", "auto:balanced", "auto:best", "weak", "strong", "weak-model", "strong-model"} <= set(
        names
    )
    assert (await client.models.retrieve("weak-model")).id == "weak-model"


async def test_without_a_strong_model_hard_requests_are_answered_by_the_weak_one_and_the_headers_say_so(
    tmp_path: Path, weak: ScriptedServer
) -> None:
    async with routed(tmp_path, weak, None) as server:
        answer = await ask(server, messages=[{"role": "user", "content": HARD}])
    assert answer.headers["x-router-route"] == "weak"
    assert answer.headers["x-router-reason"] == "no-strong-model"


async def test_health_and_statistics_tell_what_was_done(
    tmp_path: Path, weak: ScriptedServer, strong: ScriptedServer
) -> None:
    async with routed(tmp_path, weak, strong) as server, server.http() as http:
        await ask(server, seed=1)
        await ask(server, seed=1)
        await ask(server, messages=[{"role": "user", "content": HARD}])
        health = (await http.get("/health")).json()
        stats = (await http.get("/stats")).json()
        cache = (await http.get("/cache/stats")).json()
    assert health["status"] == "ok"
    assert health["upstreams"]["strong"]["model"] == "strong-model"
    assert stats["requests"] == 3
    assert cache["hits_exact"] == 1
    assert cache["misses"] == 2


async def test_a_caller_may_ask_for_a_cached_answer_only(server: LiveServer) -> None:
    missing = await ask(server, model="cache", seed=4242)
    live = await ask(server, model="auto", seed=4242)
    cached = await ask(server, model="cache", seed=4242)
    assert missing.status_code == 404
    assert missing.json()["error"]["code"] == "not_cached"
    assert cached.headers["x-router-cache"] == "exact"
    assert cached.headers["x-router-artifact"] == "default/1"
    assert cached.json() == live.json()
    row = await server.ledger_row(cached.headers["x-request-id"])
    assert (row["cache"], row["artifact"], row["cost_usd"]) == ("exact", "default/1", "0")


async def test_a_reworded_question_is_answered_from_the_cache_and_a_different_one_is_not(server: LiveServer) -> None:
    first = await ask(server, seed=77, messages=[{"role": "user", "content": "What is the capital of France?"}])
    reworded = await ask(server, seed=77, messages=[{"role": "user", "content": "what's the capital of France"}])
    other = await ask(server, seed=77, messages=[{"role": "user", "content": "What is the capital of Spain?"}])
    assert first.headers["x-router-cache"] == "miss"
    assert reworded.headers["x-router-cache"] == "semantic"
    assert float(reworded.headers["x-router-cache-similarity"]) > 0.5
    assert other.headers["x-router-cache"] == "miss"


async def test_every_request_has_a_ledger_row(server: LiveServer) -> None:
    answer = await ask(server)
    row = await server.ledger_row(answer.headers["x-request-id"])
    assert row["route"] == "weak"
    assert row["model"] == "weak-model"
    assert row["artifact"] == "default/1"
    assert row["status"] == 200
    assert row["completion_tokens"] > 0
    assert row["win_rate"] == pytest.approx(float(answer.headers["x-router-win-rate"]), abs=1e-4)


async def test_a_key_closes_the_server_to_everybody_else(tmp_path: Path, weak: ScriptedServer) -> None:
    async with routed(tmp_path, weak, None, UNDERDOG_API_KEY="sesame") as server:
        refused = await ask(server)
        admitted = await ask(server, headers={"authorization": "Bearer sesame"})
        async with server.http() as http:
            health = await http.get("/health")
            stats = await http.get("/stats")
    assert refused.status_code == 401
    assert refused.json()["error"]["code"] == "invalid_api_key"
    assert admitted.status_code == 200
    assert health.status_code == 200
    assert stats.status_code == 401
