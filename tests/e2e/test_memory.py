"""A local model without memory: the strong one answers, and the server says how memory is."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from router.upstream.scripted import ScriptedServer, Turn
from tests.live import EASY, live_server, routed

PATH = "/v1/chat/completions"
OLLAMA = '{"error":"model requires more system memory (8.4 GiB) than is available (7.7 GiB)"}'
TGI = '{"error":"Request failed during generation: CUDA out of memory.","error_type":"generation"}'


@pytest.mark.parametrize(("status", "body"), [(500, OLLAMA), (424, TGI)])
async def test_the_strong_model_answers_where_the_local_one_has_no_memory(
    tmp_path: Path, status: int, body: str
) -> None:
    full = Turn(status=status, error_body=body)
    request: dict[str, Any] = {"messages": [{"role": "user", "content": EASY}], "model": "auto:cheap"}
    async with (
        ScriptedServer(turns=[full]) as weak,
        ScriptedServer(turns=[Turn(reply="Paris.")]) as strong,
        routed(tmp_path, weak, strong, "--no-cache") as server,
        server.http() as http,
    ):
        answers = [await http.post(PATH, json=request | {"stream": bool(n % 2)}) for n in range(8)]
        metrics = (await http.get("/metrics")).text
        breaker = (await http.get("/health")).json()["upstreams"]["weak"]["deployments"][0]["breaker"]
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.headers["x-router-reason"] for answer in answers} == {"weak-failed"}
    assert 'kind="out-of-memory"' in metrics
    # Once it is known to have none, it is no longer asked for each request.
    assert breaker != "closed"
    assert len(weak.chats) < len(answers)


async def test_a_server_with_a_local_model_tells_how_memory_is(tmp_path: Path) -> None:
    async with ScriptedServer() as weak, routed(tmp_path, weak, None) as server, server.http() as http:
        async with asyncio.timeout(60):
            while (await http.get("/health")).json()["memory"] is None:
                await asyncio.sleep(0.05)
        metrics = (await http.get("/metrics")).text
    assert 'underdog_memory_bytes{place="memory",kind="total"}' in metrics
    assert 'underdog_memory_tight{place="memory"}' in metrics


async def test_a_server_whose_models_are_elsewhere_does_not_look(tmp_path: Path) -> None:
    elsewhere = ("--weak-url", "http://models.invalid/v1", "--weak-model", "m")
    async with live_server(tmp_path, *elsewhere) as server, server.http() as http:
        assert (await http.get("/health")).json()["memory"] is None
        assert "underdog_memory" not in (await http.get("/metrics")).text
