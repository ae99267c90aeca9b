"""Models beside the two, over HTTP: named by their id, by an alias, in Anthropic's protocol behind the strong route."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from openai import NotFoundError

from router.upstream.scripted import ScriptedServer, Turn
from tests.live import LiveServer, live_server

HELLO: Any = [{"role": "user", "content": "What is the capital of France?"}]
KEY = "sk-the-providers-own"


@dataclass
class Scene:
    server: LiveServer
    weak: ScriptedServer
    claude: ScriptedServer
    azure: ScriptedServer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """The strong route speaks Anthropic's protocol; a third model is at a provider whose key is in the environment."""
    async with AsyncExitStack() as stack:
        weak = await stack.enter_async_context(ScriptedServer(model="weak-model", turns=[Turn(reply="Weak.")]))
        claude = await stack.enter_async_context(
            ScriptedServer(api_key=KEY, turns=[Turn(reply="From Claude.", thinking="Hm.", cached_tokens=1)])
        )
        azure = await stack.enter_async_context(ScriptedServer(api_key=KEY, turns=[Turn(reply="From the third.")]))
        strong = {
            "route": "strong",
            "protocol": "anthropic",
            "provider": "anthropic",
            "url": claude.base_url,
            "model": "claude-haiku-4-5",
            "api_key_env": ["CLAUDE_KEY"],
        }
        environ = {
            "UNDERDOG_DEPLOYMENTS": json.dumps([strong]),
            "UNDERDOG_ALIASES": json.dumps({"mini": "azure/gpt-4o-mini", "small": "weak", "lost": "groq/m"}),
            "CLAUDE_KEY": KEY,
            "AZURE_OPENAI_ENDPOINT": azure.base_url.removesuffix("/v1"),
            "AZURE_OPENAI_API_KEY": KEY,
        }
        home = tmp_path_factory.mktemp("home")
        server = await stack.enter_async_context(
            live_server(home, "--weak-url", weak.base_url, "--weak-model", "weak-model", environ=environ)
        )
        yield Scene(server, weak, claude, azure)


@pytest.mark.asyncio(loop_scope="module")
class TestNamedModels:
    async def test_a_named_model_answers_and_its_cost_is_in_the_ledger(self, scene: Scene) -> None:
        answer = await scene.server.client().chat.completions.with_raw_response.create(
            model="azure/gpt-4o-mini", messages=HELLO
        )

        assert answer.parse().choices[0].message.content == "From the third."
        assert answer.headers["x-router-route"] == "named"
        assert answer.headers["x-router-reason"] == "pinned"
        row = await scene.server.ledger_row(answer.headers["x-request-id"])
        assert (row["route"], row["model"], row["reason"]) == ("named", "gpt-4o-mini", "pinned")
        assert row["cost_usd"] is not None
        assert row["baseline_cost_usd"] is not None
        assert scene.azure.chats[-1].body["model"] == "gpt-4o-mini"

    async def test_its_answer_is_kept_for_itself_alone(self, scene: Scene) -> None:
        ask: Any = [{"role": "user", "content": "Which model keeps this answer?"}]
        client = scene.server.client()
        first = await client.chat.completions.with_raw_response.create(model="azure/gpt-4o", messages=ask)
        again = await client.chat.completions.with_raw_response.create(model="azure/gpt-4o", messages=ask)
        other = await client.chat.completions.with_raw_response.create(model="azure/gpt-4.1", messages=ask)
        outcomes = [answer.headers["x-router-cache"] for answer in (first, again, other)]
        assert outcomes == ["miss", "exact", "miss"]

    async def test_an_alias_is_read_as_what_it_stands_for(self, scene: Scene) -> None:
        client = scene.server.client()
        mini = await client.chat.completions.with_raw_response.create(model="mini", messages=HELLO)
        small = await client.chat.completions.with_raw_response.create(model="small", messages=HELLO)
        assert (mini.headers["x-router-route"], mini.headers["x-router-model"]) == ("named", "gpt-4o-mini")
        assert small.headers["x-router-route"] == "weak"
        row = await scene.server.ledger_row(mini.headers["x-request-id"])
        assert row["requested_model"] == "mini"

    async def test_models_that_nobody_serves_are_not_found(self, scene: Scene) -> None:
        for model in ("lost", "groq/llama-3.3-70b-versatile", "nowhere"):
            with pytest.raises(NotFoundError):
                await scene.server.client().chat.completions.create(model=model, messages=HELLO)

    async def test_the_list_of_models_has_the_aliases_that_lead_somewhere(self, scene: Scene) -> None:
        listed = {model.id async for model in scene.server.client().models.list()}
        assert {"auto", "weak", "strong", "weak-model", "claude-haiku-4-5", "mini", "small"} <= listed
        assert "lost" not in listed
        assert (await scene.server.client().models.retrieve("azure/gpt-4o-mini")).owned_by == "azure"

    async def test_a_preview_knows_named_models_and_their_price(self, scene: Scene) -> None:
        async with scene.server.http() as http:
            preview = (await http.post("/v1/route", json={"model": "mini", "messages": HELLO})).json()
        assert (preview["route"], preview["model"]) == ("named", "azure/gpt-4o-mini")
        assert preview["cost_usd"] > 0

    async def test_statistics_count_named_models_like_any_other(self, scene: Scene) -> None:
        await scene.server.client().chat.completions.create(model="azure/gpt-4o-mini", messages=HELLO)
        async with scene.server.http() as http:
            stats, metrics, health = [await http.get(path) for path in ("/stats", "/metrics", "/health")]
        assert {answer.status_code for answer in (stats, metrics, health)} == {200}
        assert stats.json()["by_route"]["named"] > 0
        assert 'route="named"' in metrics.text
        assert KEY not in stats.text + metrics.text + health.text

    async def test_a_route_in_anthropics_protocol_answers_openais_client(self, scene: Scene) -> None:
        client = scene.server.client()
        whole = await client.chat.completions.with_raw_response.create(model="strong", messages=HELLO)
        assert whole.parse().choices[0].message.content == "From Claude."
        row = await scene.server.ledger_row(whole.headers["x-request-id"])
        assert row["cost_usd"] is not None

        ask: Any = [{"role": "user", "content": "And streamed?"}]
        options: Any = {"include_usage": True}
        chunks = [
            chunk
            async for chunk in await client.chat.completions.create(
                model="strong", messages=ask, stream=True, stream_options=options
            )
        ]
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "From Claude."
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.prompt_tokens_details.cached_tokens == 1
        assert {request.path for request in scene.claude.chats} == {"/v1/messages"}
