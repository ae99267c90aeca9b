"""Embeddings through the official client: forwarded as they are to whoever has them, and in the ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
import pytest_asyncio

from router.upstream.scripted import ScriptedServer
from tests.live import LiveServer, live_server, routed

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def embedder() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(model="embedder", api_key="sesame") as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(
    tmp_path_factory: pytest.TempPathFactory, weak: ScriptedServer, embedder: ScriptedServer
) -> AsyncIterator[LiveServer]:
    environ = {
        "UNDERDOG_EMBEDDINGS_URL": embedder.base_url,
        "UNDERDOG_EMBEDDINGS_MODEL": "text-embedding-3-small",
        "UNDERDOG_EMBEDDINGS_API_KEY": "sesame",
    }
    async with routed(tmp_path_factory.mktemp("home"), weak, None, **environ) as running:
        yield running


async def test_the_official_client_gets_its_vectors(server: LiveServer, embedder: ScriptedServer) -> None:
    client = server.client()
    packed = await client.embeddings.create(model="mine", input=["one two", "three"], dimensions=4)
    plain = await client.embeddings.create(model="mine", input="one two", encoding_format="float", dimensions=4)
    assert [len(entry.embedding) for entry in packed.data] == [4, 4]
    assert packed.data[0].embedding == plain.data[0].embedding
    assert packed.usage.prompt_tokens == 3
    first, second = (request.body for request in embedder.requests[-2:])
    assert first == {"model": "mine", "input": ["one two", "three"], "dimensions": 4, "encoding_format": "base64"}
    assert second["encoding_format"] == "float"


@pytest.mark.parametrize("tokens", [[1, 2, 3], [[1, 2], [3]]])
async def test_tokens_pass_as_they_are(server: LiveServer, embedder: ScriptedServer, tokens: Any) -> None:
    answer = await server.client().embeddings.create(model="mine", input=tokens)
    assert answer.usage.prompt_tokens == 3
    assert embedder.requests[-1].body["input"] == tokens


@pytest.mark.parametrize("named", [{}, {"model": "auto"}, {"model": ""}])
async def test_without_a_model_the_configured_one_is_asked_for(
    server: LiveServer, embedder: ScriptedServer, named: dict[str, str]
) -> None:
    async with server.http() as http:
        answer = await http.post("/v1/embeddings", json={"input": "one", **named, "unheard_of": 1})
    assert answer.status_code == 200
    assert embedder.requests[-1].body == {"input": "one", "model": "text-embedding-3-small", "unheard_of": 1}


async def test_it_is_in_the_ledger_with_its_tokens_and_without_a_route(server: LiveServer) -> None:
    raw = await server.client().embeddings.with_raw_response.create(model="mine", input="one two three")
    row = await server.ledger_row(raw.headers["x-request-id"])
    assert (row["endpoint"], row["route"], row["model"], row["reason"]) == (
        "/v1/embeddings",
        None,
        "mine",
        "embeddings",
    )
    assert (row["prompt_tokens"], row["completion_tokens"], row["cache"]) == (3, 0, "bypass")
    assert (row["artifact"], row["win_rate"], row["baseline_cost_usd"]) == (None, None, None)
    assert raw.headers["x-router-reason"] == "embeddings"
    assert raw.headers["x-router-cost-usd"] == "0"  # it runs on this machine
    assert "x-router-route" not in raw.headers
    async with server.http() as http:
        stats = (await http.get("/stats")).json()
    assert stats["by_reason"]["embeddings"] >= 1


@pytest.mark.parametrize("given", [None, 5, {}, [], ["a", 1], [["a"]]])
async def test_what_is_no_input_is_refused_by_its_name(server: LiveServer, given: Any) -> None:
    async with server.http() as http:
        answer = await http.post("/v1/embeddings", json={"input": given})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "input"


async def test_the_strong_model_is_asked_and_the_weak_one_where_that_has_none(tmp_path: Path) -> None:
    async with (
        ScriptedServer(model="weak-model") as weak,
        ScriptedServer(model="strong-model") as strong,
        ScriptedServer(model="chatty-model", embeds=False) as chatty,
    ):
        async with routed(tmp_path / "both", weak, strong) as server:
            await server.client().embeddings.create(model="mine", input="one")
        assert [request.path for request in strong.requests] == ["/v1/embeddings"]
        async with routed(tmp_path / "weak", weak, chatty) as server:
            await server.client().embeddings.create(model="mine", input="one")
        assert [request.path for request in weak.requests] == ["/v1/embeddings"]
        async with routed(tmp_path / "none", chatty, None) as server:
            with pytest.raises(openai.NotFoundError):
                await server.client().embeddings.create(model="mine", input="one")
            with pytest.raises(openai.BadRequestError, match="UNDERDOG_EMBEDDINGS_MODEL"):
                await server.client().embeddings.create(model="auto", input="one")


async def test_without_anybody_who_has_them_the_remedy_is_named(tmp_path: Path, embedded_home: Path) -> None:
    (tmp_path / "models").symlink_to(embedded_home / "models")
    async with live_server(tmp_path) as server:  # between the embedded LLM and nobody
        with pytest.raises(openai.InternalServerError, match="UNDERDOG_EMBEDDINGS_URL") as nobody:
            await server.client().embeddings.create(model="mine", input="one")
    assert (nobody.value.status_code, nobody.value.code) == (503, "no_upstream")


async def test_a_refusal_keeps_its_shape(weak: ScriptedServer, tmp_path: Path) -> None:
    async with (
        ScriptedServer(model="embedder", api_key="sesame") as locked,
        routed(tmp_path, weak, None, UNDERDOG_EMBEDDINGS_URL=locked.base_url) as server,
        server.http() as http,
    ):
        answer = await http.post("/v1/embeddings", json={"input": "one", "model": "mine"})
        row = await server.ledger_row(answer.headers["x-request-id"])
    assert answer.status_code == 502
    assert answer.json()["error"]["code"] == "upstream_key_rejected"
    assert (row["outcome"], row["reason"]) == ("error", "embeddings")


async def test_a_model_with_a_name_without_measure_is_refused_before_anybody_keeps_it(server: LiveServer) -> None:
    async with server.http() as http:
        answer = await http.post("/v1/embeddings", json={"model": "m" * 60_000, "input": "one"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "model")
    row = await server.ledger_row(answer.headers["x-request-id"])
    assert (row["model"], len(row["requested_model"])) == (None, 200)
    assert sum(map(len, answer.headers.values())) < 1_000
