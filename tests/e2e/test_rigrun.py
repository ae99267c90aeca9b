"""A program written for rigrun, against a live server: its models, its endpoints, its fields (its docs/API.md)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from openai import NotFoundError

from router.settings import Settings
from router.upstream.scripted import ScriptedServer, Turn
from tests.live import LiveServer, live_server, routed

HELLO: Any = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "Explain HTTP vs HTTPS"},
]


@dataclass
class Scene:
    server: LiveServer
    http: httpx.AsyncClient


@pytest_asyncio.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with (
        ScriptedServer(model="weak-model", turns=[Turn(reply="HTTPS is encrypted.")]) as weak,
        ScriptedServer(model="strong-model", turns=[Turn(reply="TLS.")]) as strong,
        routed(tmp_path, weak, strong) as server,
        server.http() as http,
    ):
        yield Scene(server, http)


def test_the_port_is_the_same() -> None:
    assert Settings().port == 8787


async def test_its_first_examples_work(scene: Scene) -> None:
    assert (await scene.http.get("/health")).json()["status"] == "ok"
    body = {"model": "auto", "messages": HELLO, "temperature": 0.7, "max_tokens": 256}
    answer = (await scene.http.post("/v1/chat/completions", json=body)).json()
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"]["content"] in ("HTTPS is encrypted.", "TLS.")
    async with scene.http.stream("POST", "/v1/chat/completions", json={**body, "stream": True}) as stream:
        lines = [line async for line in stream.aiter_lines() if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"


async def test_its_model_names_lead_to_the_routes(scene: Scene) -> None:
    client = scene.server.client(api_key="unused")
    routes = {}
    for model in ("local", "cloud"):
        answer = await client.chat.completions.with_raw_response.create(model=model, messages=HELLO)
        routes[model] = answer.headers["x-router-route"]
    assert routes == {"local": "weak", "cloud": "strong"}
    kept = await client.chat.completions.with_raw_response.create(model="auto", messages=HELLO)
    again = await client.chat.completions.with_raw_response.create(model="cache", messages=HELLO)
    assert again.headers["x-router-cache"] == "exact"
    assert again.parse().choices[0].message.content == kept.parse().choices[0].message.content
    with pytest.raises(NotFoundError):
        await client.chat.completions.create(model="cache", messages=[{"role": "user", "content": "Never asked."}])


@pytest.mark.parametrize(
    ("variable", "owner"), [("ANTHROPIC_API_KEY", "anthropic"), ("OPENROUTER_API_KEY", "openrouter")]
)
async def test_haiku_sonnet_and_opus_are_anthropics_with_either_key(tmp_path: Path, variable: str, owner: str) -> None:
    async with ScriptedServer(model="weak-model") as weak:
        upstreams = ("--weak-url", weak.base_url, "--weak-model", "weak-model")
        async with live_server(tmp_path, *upstreams, environ={variable: "sk-nobody-asks-it"}) as server:
            listed = {model.id async for model in server.client().models.list()}
            async with server.http() as http:
                previews = {
                    name: (await http.post("/v1/route", json={"model": name, "messages": HELLO})).json()
                    for name in ("haiku", "sonnet", "opus")
                }
    assert {"auto", "haiku", "sonnet", "opus"} <= listed
    for name, preview in previews.items():
        assert name in preview["model"]
        assert "claude" in preview["model"]
        assert preview["reason"] == "pinned"
        assert preview["route"] in ("named", "strong")
    assert any(preview["model"].startswith(owner) for preview in previews.values())


async def test_stats_tell_of_the_session_and_of_today(scene: Scene) -> None:
    client = scene.server.client()
    for model in ("local", "local", "cloud"):
        await client.chat.completions.create(model=model, messages=HELLO, extra_headers={"cache-control": "no-store"})
    stats = (await scene.http.get("/stats")).json()
    session, today = stats["session"], stats["today"]
    assert (session["queries"], session["local_queries"], session["cloud_queries"]) == (3, 2, 1)
    assert session["tokens_processed"] == stats["prompt_tokens"] + stats["completion_tokens"] > 0
    assert (today["queries"], today["spent_usd"], today["saved_usd"]) == (3, 0.0, 0.0)
    assert stats["requests"] == 3


async def test_before_the_first_request_all_figures_are_nought(scene: Scene) -> None:
    stats = (await scene.http.get("/stats")).json()
    assert stats["session"] == {"queries": 0, "local_queries": 0, "cloud_queries": 0, "tokens_processed": 0}
    assert stats["today"] == {"queries": 0, "saved_usd": 0.0, "spent_usd": 0.0}


async def test_cache_stats_have_its_names(scene: Scene) -> None:
    for _ in range(4):
        await scene.server.client().chat.completions.create(model="local", messages=HELLO)
    stats = (await scene.http.get("/cache/stats")).json()
    expected = {
        "entries": 1,
        "total_lookups": 4,
        "hits": 3,
        "misses": 1,
        "expired_skips": 0,
        "total_stores": 1,
        "hit_rate_percent": 75.0,
        "ttl_hours": 24.0,
    }
    assert {name: stats[name] for name in expected} == expected
    assert stats["hit_rate"] == 0.75
