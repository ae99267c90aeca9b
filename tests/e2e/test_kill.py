"""kill -9 in the middle of work: what was acknowledged is in the ledger."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from router.upstream.scripted import ScriptedServer, Turn
from tests.live import routed

PATH = "/v1/chat/completions"


@pytest.mark.soak
@pytest.mark.parametrize("stream", [False, True])
async def test_no_acknowledged_request_is_lost(tmp_path: Path, stream: bool, full: bool) -> None:
    acknowledged: set[str] = set()
    limit = 5_000 if full else 150

    async def caller(http: httpx.AsyncClient, number: int) -> None:
        for turn in range(10_000):
            body = {"messages": [{"role": "user", "content": f"{number} plus {turn}?"}], "stream": stream}
            try:
                answer = await http.post(PATH, json=body)
            except httpx.TransportError:
                return
            complete = answer.text.endswith("data: [DONE]\n\n") if stream else answer.status_code == 200
            if complete:
                acknowledged.add(answer.headers["x-request-id"])

    async with ScriptedServer(model="weak-model", turns=[Turn(piece_delay_ms=1)]) as weak:
        async with routed(tmp_path, weak, None) as server, server.http() as http:
            callers = [asyncio.create_task(caller(http, number)) for number in range(8)]
            while len(acknowledged) < limit:
                await asyncio.sleep(0.01)
            server.process.kill()
            await asyncio.gather(*callers)
            await server.process.wait()
        written = {row["request_id"] for row in server.ledger_rows()}
        assert acknowledged <= written
        async with routed(tmp_path, weak, None) as again, again.http() as http:
            stats = (await http.get("/stats")).json()
    assert stats["requests"] == len(written) >= limit
