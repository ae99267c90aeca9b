"""Limits and budgets, seen over HTTP on every endpoint, with the official client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import openai
import pytest
import pytest_asyncio

from router.upstream.scripted import ScriptedServer, Turn
from tests.e2e.keyed import MASTER, Visitor, visiting
from tests.live import live_server

pytestmark = pytest.mark.asyncio(loop_scope="module")

MESSAGES = [{"role": "user", "content": "Hello"}]
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "auto", "messages": MESSAGES},
    "/v1/completions": {"model": "auto", "prompt": "Hello"},
    "/v1/responses": {"model": "auto", "input": "Hello"},
    "/v1/messages": {"model": "auto", "messages": MESSAGES, "max_tokens": 20},
    "/v1/embeddings": {"model": "gpt-4.1", "input": "Hello"},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def priced(
    tmp_path_factory: pytest.TempPathFactory, weak: ScriptedServer, strong: ScriptedServer
) -> AsyncIterator[Visitor]:
    """A server whose strong model has a price: that of the model whose name it bears."""
    deployments = [
        {"route": "weak", "url": weak.base_url, "model": "weak-model"},
        {"route": "strong", "provider": "openai", "url": strong.base_url, "model": "gpt-4.1", "api_key": "sk-none"},
    ]
    environ = {"UNDERDOG_MASTER_KEY": MASTER, "UNDERDOG_DEPLOYMENTS": json.dumps(deployments)}
    async with live_server(tmp_path_factory.mktemp("priced"), environ=environ) as server, visiting(server) as one:
        yield one


@pytest.mark.parametrize("path", list(BODIES))
async def test_every_endpoint_counts_and_refuses_in_its_own_shape(priced: Visitor, path: str) -> None:
    key = (await priced.key(name=f"counted{path}", requests_per_minute=2))["key"]
    body = BODIES[path]
    answers = [await priced.ask("POST", path, key, json=body) for _ in range(5)]
    assert answers[0].status_code == 200, answers[0].text
    assert answers[0].headers["x-ratelimit-limit-requests"] == "2"
    assert answers[0].headers["x-ratelimit-remaining-requests"] == "1"
    refused = [answer for answer in answers if answer.status_code == 429]
    # A minute may end in between.
    assert len(refused) in (1, 2, 3)
    last = refused[-1]
    assert 1 <= int(last.headers["retry-after"]) <= 120
    assert last.headers["x-ratelimit-remaining-requests"] == "0"
    error = last.json()["error"]
    if path == "/v1/messages":
        assert error["type"] == "rate_limit_error"
    else:
        assert (error["type"], error["code"]) == ("requests", "rate_limit_exceeded")


async def test_a_cached_answer_counts_as_a_request_and_not_by_its_tokens(priced: Visitor) -> None:
    key = (await priced.key(name="repeating", requests_per_minute=50, tokens_per_minute=100_000))["key"]
    answers = [await priced.chat(key, "Say it again.") for _ in range(4)]
    assert [answer.headers["x-router-cache"] for answer in answers] == ["miss", "exact", "exact", "exact"]
    left = [int(answer.headers["x-ratelimit-remaining-requests"]) for answer in answers]
    assert left == sorted(left, reverse=True)
    spoken = [100_000 - int(answer.headers["x-ratelimit-remaining-tokens"]) for answer in answers]
    # Each tells what was taken before it and what it reserves itself: what comes from the cache takes nothing for good.
    assert max(spoken) < 2 * spoken[0]


async def test_the_official_client_raises_what_it_raises_at_openai(priced: Visitor) -> None:
    key = (await priced.key(name="official", tokens_per_minute=400))["key"]
    async with priced.server.client(api_key=key) as client:
        with pytest.raises(openai.RateLimitError) as refused:
            await asyncio.gather(
                *(
                    client.chat.completions.create(
                        model="auto", messages=[{"role": "user", "content": f"Hello {number}"}], max_tokens=150
                    )
                    for number in range(9)
                )
            )
    assert refused.value.body["code"] == "rate_limit_exceeded"
    assert refused.value.body["type"] == "tokens"


async def test_places_come_back_however_a_request_ends(priced: Visitor, weak: ScriptedServer) -> None:
    key = (await priced.key(name="crowd", concurrent_requests=1))["key"]
    weak.turns = [Turn(reply="slowly, " * 40, piece_delay_ms=100)]
    try:
        body = {"model": "weak", "messages": MESSAGES, "stream": True, "seed": 1}
        headers = {"authorization": f"Bearer {key}"}
        async with priced.http.stream("POST", "/v1/chat/completions", json=body, headers=headers) as first:
            assert first.status_code == 200
            assert (await priced.chat(key, "Second", model="weak")).status_code == 429
        # The first caller left in the middle.
        assert (
            await priced.ask("POST", "/v1/chat/completions", key, json={"model": "nobody", "messages": MESSAGES})
        ).status_code in (404, 429)
        async with asyncio.timeout(60):
            while (await priced.chat(key, "Third", model="weak")).status_code == 429:
                await asyncio.sleep(0.05)
        assert (
            await priced.ask("POST", "/v1/chat/completions", key, json={"model": "nobody", "messages": MESSAGES})
        ).status_code == 404
        assert (await priced.chat(key, "Fourth", model="weak")).status_code == 200
    finally:
        weak.turns = [Turn()]


async def test_a_spent_budget_is_a_429_of_its_own_kind_and_the_bill_is_right(priced: Visitor) -> None:
    key = await priced.key(name="poor", budget_usd="0.0005", budget_pace=False)
    answers = [
        await priced.chat(key["key"], f"Question {number}", model="strong", max_tokens=20) for number in range(40)
    ]
    paid = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert paid
    assert refused
    assert refused[0].json()["error"]["code"] == "insufficient_quota"
    assert refused[0].json()["error"]["type"] == "insufficient_quota"
    assert int(refused[0].headers["retry-after"]) > 0
    billed = sum(Decimal(answer.headers["x-router-cost-usd"]) for answer in paid)
    assert 0 < billed <= Decimal("0.0005")
    usage = (await priced.ask("GET", "/v1/usage", key["key"])).json()
    assert Decimal(usage["total"]["cost_usd"]) == billed


async def test_a_spent_budget_may_leave_the_weak_model(priced: Visitor) -> None:
    key = await priced.key(name="thrifty", budget_usd="0.0005", budget_when_spent="weak", budget_pace=False)
    answers = [
        await priced.chat(key["key"], f"Prove {number}", query="?threshold=0", max_tokens=20) for number in range(12)
    ]
    assert {answer.status_code for answer in answers} == {200}
    routes = [answer.headers["x-router-route"] for answer in answers]
    assert routes[0] == "strong"
    assert routes[-1] == "weak"
    assert answers[-1].headers["x-router-reason"] == "paced"


async def test_a_team_shares_one_limit(priced: Visitor) -> None:
    team = await priced.team(name="together", requests_per_minute=4)
    keys = [(await priced.key(name=f"member-{number}", team=team["id"]))["key"] for number in range(2)]
    statuses = [(await priced.chat(keys[number % 2], f"Ask {number}")).status_code for number in range(10)]
    assert statuses.count(200) in (4, 5)
    assert statuses[:4] == [200] * 4
