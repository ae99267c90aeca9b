"""A whole server whose ledger is in PostgreSQL, which goes away and comes back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from router.upstream.scripted import ScriptedServer
from tests.live import routed
from tests.services.postgres_server import a_postgres

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def ask(http: httpx.AsyncClient, number: int) -> httpx.Response:
    messages = [{"role": "user", "content": f"Question {number}"}]
    return await http.post("/v1/chat/completions", json={"messages": messages, "seed": number})


async def stats(http: httpx.AsyncClient) -> Any:
    """The statistics, once they can be had."""
    for _ in range(300):
        answer = await http.get("/stats")
        if answer.status_code == 200:
            return answer.json()
        await asyncio.sleep(0.1)
    raise AssertionError(answer.text)


async def test_requests_are_answered_while_it_is_away_and_counted_when_it_is_back(
    tmp_path: Path, weak: ScriptedServer
) -> None:
    async with (
        a_postgres(tmp_path) as postgres,
        routed(tmp_path / "home", weak, None, UNDERDOG_DATABASE_URL=postgres.url) as server,
        server.http() as http,
    ):
        before = [await ask(http, number) for number in range(3)]
        await postgres.stop()
        meanwhile = await asyncio.gather(*(ask(http, number) for number in range(10, 30)))
        assert {answer.status_code for answer in [*before, *meanwhile]} == {200}
        refused = await http.get("/stats")
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "ledger_unavailable")
        assert postgres.password not in refused.text
        await postgres.start()
        for _ in range(300):
            if (counted := (await stats(http))["requests"]) == 23:
                break
            await asyncio.sleep(0.1)
        assert counted == 23
        rating = {"request_id": meanwhile[0].headers["x-request-id"], "rating": "good"}
        assert (await http.post("/v1/feedback", json=rating)).status_code == 200
        assert not (tmp_path / "home" / "ledger.sqlite3").exists()
