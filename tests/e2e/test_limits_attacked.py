"""Callers who try to get more than they may have, and to keep others from what these may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from router.upstream.scripted import ScriptedServer, Turn
from tests.e2e.keyed import MASTER, Visitor, visiting
from tests.live import routed

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEAR = '[{"model": "*-model", "input": 1000, "output": 1000}]'
"""A tenth of a cent for each token."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def silent() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(model="weak-model", turns=[Turn(fault="hang")]) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def visitor(tmp_path_factory: pytest.TempPathFactory, silent: ScriptedServer) -> AsyncIterator[Visitor]:
    home = tmp_path_factory.mktemp("attacked")
    environ = {"UNDERDOG_MASTER_KEY": MASTER, "UNDERDOG_PRICES": DEAR}
    async with routed(home, silent, None, **environ) as server, visiting(server) as one:
        yield one


async def answer(visitor: Visitor, key: str, text: str, **fields: Any) -> httpx.Response | None:
    """What is said within half a second; None where the caller has left by then."""
    body = {"model": "auto", "messages": [{"role": "user", "content": text}], "max_tokens": 5, **fields}
    try:
        return await visitor.ask("POST", "/v1/chat/completions", key, json=body, timeout=0.5)
    except httpx.ReadTimeout:
        return None


@pytest.mark.parametrize("stream", [False, True])
async def test_who_leaves_before_the_first_byte_pays_for_what_the_model_read(visitor: Visitor, stream: bool) -> None:
    key = (await visitor.key(budget_usd="0.05"))["key"]
    text = "word " * 30
    async with asyncio.timeout(30):
        assert await answer(visitor, key, text, stream=stream) is None
        # Nobody is told when it was settled that somebody left.
        while (again := await answer(visitor, key, text, stream=stream)) is None:
            pass
    assert again.status_code == 429
    assert again.json()["error"]["code"] == "insufficient_quota"


async def test_what_was_spent_while_there_was_no_budget_is_spent_once_there_is_one_again(visitor: Visitor) -> None:
    key = await visitor.key(budget_usd="0.10")
    for budget in (None, "0.10"):
        assert await answer(visitor, key["key"], "word " * 30) is None
        await visitor.admin("PATCH", f"keys/{key['id']}", {"budget_usd": budget})
    async with asyncio.timeout(30):
        while sum(row["key_id"] == key["id"] for row in visitor.server.ledger_rows()) < 2:
            await asyncio.sleep(0.05)
    refused = await answer(visitor, key["key"], "word " * 30)
    assert refused is not None
    assert refused.json()["error"]["code"] == "insufficient_quota"


async def test_an_answer_that_a_filter_kept_back_is_paid_for_beside_the_one_in_its_place(tmp_path: Path) -> None:
    filtered, told = Turn(reply="no", finish_reason="content_filter"), Turn(reply="yes indeed")
    environ = {"UNDERDOG_PRICES": DEAR, "UNDERDOG_CONTENT_FILTER_FALLBACKS": '["weak"]'}
    async with (
        ScriptedServer(model="weak-model", turns=[told]) as weak,
        ScriptedServer(model="strong-model", turns=[filtered]) as strong,
        routed(tmp_path, weak, strong, **environ) as server,
        visiting(server) as visitor,
    ):
        both = await visitor.chat(None, "word " * 9, query="?threshold=0")
        assert both.headers["x-router-reason"] == "content-filter-fallback"
        usage = both.json()["usage"]
        # Of the answer that was kept back: the same prompt, and one word.
        tokens = usage["total_tokens"] + usage["prompt_tokens"] + 1
        row = await server.ledger_row(both.headers["x-request-id"])
    assert Decimal(row["cost_usd"]) == Decimal(both.headers["x-router-cost-usd"]) == Decimal(tokens) / 1000


async def test_previews_are_counted_and_take_no_place(visitor: Visitor) -> None:
    key = await visitor.key(requests_per_minute=3, concurrent_requests=1)
    asking = asyncio.create_task(answer(visitor, key["key"], "word"))
    asked = {"model": "auto", "messages": [{"role": "user", "content": "word"}]}
    previews = [await visitor.ask("POST", "/v1/route", key["key"], json=asked) for _ in range(5)]
    assert await asking is None
    assert previews[0].status_code == 200
    # A minute may end in between.
    assert previews[-1].status_code == 429
    assert previews[-1].json()["error"]["code"] == "rate_limit_exceeded"
    assert "retry-after" in previews[-1].headers
