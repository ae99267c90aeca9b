"""``local-only``, for a request, a key, a server: nothing that is not local is ever asked, by whatever way.

``127.1`` stands for the cloud: it is no address and no local name, and yet leads to this machine.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from router.upstream.scripted import ScriptedServer, Turn
from tests.live import HARD, LiveServer, live_server

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/v1/chat/completions"
PRIVATE = {"x-router-privacy": "local-only"}
MASTER = "sk-master"


class World:
    """A server between a local model and a cloud, and whoever is asked beside them."""

    def __init__(self) -> None:
        self.weak = ScriptedServer(model="weak")
        self.cloud = ScriptedServer(model="strong")
        self.near = ScriptedServer(model="mixed", turns=[Turn(delay_ms=150)])
        self.far = ScriptedServer(model="mixed")
        self.server: LiveServer

    @property
    def all(self) -> list[ScriptedServer]:
        return [self.weak, self.cloud, self.near, self.far]

    @property
    def elsewhere(self) -> int:
        """Requests that left the machine."""
        return len(self.cloud.requests) + len(self.far.requests)


def far(server: ScriptedServer) -> str:
    return f"http://127.1:{server.port}/v1"


def settings(world: World) -> str:
    return f"""
context_fallbacks = ["strong"]
content_filter_fallbacks = ["strong", "cloud-model"]
[aliases]
mine = "strong"
[[rules]]
name = "to the cloud"
when = {{ header = {{ x-cloud = "yes" }} }}
then = {{ route = "strong" }}
[[deployments]]
route = "weak"
model = "weak"
url = "{world.weak.base_url}"
[[deployments]]
route = "strong"
model = "strong"
url = "{far(world.cloud)}"
[[deployments]]
route = "named"
model = "cloud-model"
url = "{far(world.cloud)}"
[[deployments]]
route = "named"
model = "mixed"
url = "{world.near.base_url}"
hedge_after_s = 0.01
[[deployments]]
route = "named"
model = "mixed"
url = "{far(world.far)}"
weight = 1000
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def started(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder, world = tmp_path_factory.mktemp("privacy"), World()
    for server in world.all:
        await server.start()
    (folder / "settings.toml").write_text(settings(world))
    environ = {"UNDERDOG_MASTER_KEY": MASTER}
    async with live_server(folder / "home", "--config", str(folder / "settings.toml"), environ=environ) as running:
        world.server = running
        yield world
    for server in world.all:
        await server.aclose()


@pytest.fixture
def world(started: World) -> World:
    for server in started.all:
        server.requests.clear()
    started.weak.turns = [Turn()]
    return started


def http(world: World, key: str = MASTER, **headers: str) -> httpx.AsyncClient:
    client = world.server.http()
    client.headers.update({"authorization": f"Bearer {key}", **headers})
    return client


def question(text: str = HARD, **fields: Any) -> dict[str, Any]:
    return {"model": "auto", "messages": [{"role": "user", "content": text}], **fields}


async def test_without_the_wish_the_cloud_is_asked(world: World) -> None:
    async with http(world) as client:
        assert (await client.post(CHAT, json=question())).headers["x-router-route"] == "strong"
        mixed = [await client.post(CHAT, json=question(f"{number}", model="mixed")) for number in range(8)]
    assert {answer.status_code for answer in mixed} == {200}
    assert world.cloud.requests
    assert world.far.requests


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, question()),
        (CHAT, question("Streamed.", stream=True)),
        ("/v1/messages", {"max_tokens": 9, **question("Of Anthropic's.")}),
        ("/v1/responses", {"model": "auto", "input": "A response."}),
        ("/v1/completions", {"model": "auto", "prompt": "Complete"}),
        ("/v1/embeddings", {"model": "vectors", "input": "text"}),
    ],
)
async def test_a_request_of_any_protocol_that_is_to_stay_is_answered_here(
    world: World, path: str, body: dict[str, Any]
) -> None:
    async with http(world, **PRIVATE) as client:
        answer = await client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    assert world.elsewhere == 0
    assert world.weak.requests


@pytest.mark.parametrize("model", ["strong", "cloud", "mine", "cloud-model", "openai/gpt-4.1", "opus"])
async def test_who_names_a_model_of_the_cloud_and_is_to_stay_is_refused(world: World, model: str) -> None:
    async with http(world, **PRIVATE) as client:
        answer = await client.post(CHAT, json=question(model=model))
        preview = await client.post("/v1/route", json=question(model=model))
    for refused in (answer, preview):
        assert refused.status_code == 403, refused.text
        assert refused.json()["error"]["code"] == "local_only"
    assert world.elsewhere == 0


async def test_no_rule_and_no_dial_leads_out(world: World) -> None:
    async with http(world, **PRIVATE) as client:
        ruled = await client.post(CHAT, json=question(), headers={"x-cloud": "yes"})
        dialled = await client.post(f"{CHAT}?threshold=0", json=question("Dialled."))
    assert (ruled.status_code, ruled.json()["error"]["code"]) == (403, "local_only")
    assert dialled.headers["x-router-route"] == "weak"
    assert world.elsewhere == 0


@pytest.mark.parametrize(
    "turn",
    [
        Turn(status=503),
        Turn(status=400, error_body='{"error": {"code": "context_length_exceeded", "message": "too long"}}'),
        Turn(status=400, error_body='{"error": {"code": "content_filter", "message": "no"}}'),
        Turn(fault="redirect"),
        Turn(finish_reason="content_filter"),
    ],
)
async def test_no_failure_of_the_local_model_leads_out(world: World, turn: Turn) -> None:
    world.weak.turns = [turn]
    async with http(world, **PRIVATE) as client:
        await client.post(CHAT, json=question(f"Fail by {turn}."))
    assert world.weak.requests
    assert world.elsewhere == 0


async def test_of_a_model_that_is_here_and_elsewhere_only_what_is_here_is_asked_also_where_it_is_slow(
    world: World,
) -> None:
    async with http(world, **PRIVATE) as client:
        for number in range(4):
            answer = await client.post(CHAT, json=question(f"{number} slow", model="mixed", stream=bool(number % 2)))
            assert answer.status_code == 200
    assert len(world.near.requests) == 4
    assert world.elsewhere == 0


async def test_a_key_may_be_bound_to_stay_and_no_header_loosens_it(world: World) -> None:
    async with http(world) as client:
        made = (await client.post("/admin/keys", json={"name": "inside", "privacy": "local-only"})).json()
        team = (await client.post("/admin/teams", json={"name": "insiders", "privacy": "local-only"})).json()
        other = (await client.post("/admin/keys", json={"team": team["id"], "privacy": "any"})).json()
        wrong = await client.post("/admin/keys", json={"privacy": "localonly"})
    assert wrong.status_code == 400
    assert wrong.json()["error"]["param"] == "privacy"
    for key in (made["key"], other["key"]):
        async with http(world, key, **{"x-router-privacy": "any"}) as client:
            assert (await client.post(CHAT, json=question(f"{key}?"))).headers["x-router-route"] == "weak"
            assert (await client.post(CHAT, json=question(model="strong"))).status_code == 403
            listed = {model["id"] for model in (await client.get("/v1/models")).json()["data"]}
            assert {"weak", "mixed", "auto"} <= listed
            assert not {"strong", "cloud-model", "mine"} & listed
    assert world.elsewhere == 0


async def test_a_wish_that_cannot_be_read_is_refused(world: World) -> None:
    async with http(world) as client:
        answer = await client.post(CHAT, json=question(), headers={"x-router-privacy": "local_only"})
        twice = await client.post(
            CHAT, json=question("Twice."), headers=[("x-router-privacy", "any"), ("x-router-privacy", "local-only")]
        )
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "x-router-privacy"
    assert twice.headers["x-router-route"] == "weak"
    assert world.elsewhere == 0


async def test_the_cache_answers_who_is_to_stay_with_what_was_answered_here(world: World) -> None:
    async with http(world) as client:
        await client.post(CHAT, json=question("Cached?", model="strong"))
        await client.post(CHAT, json=question("Cached? " + HARD))
        world.cloud.requests.clear()
        private = [await client.post(CHAT, json=question("Cached? " + HARD), headers=PRIVATE) for _ in range(2)]
    assert [answer.headers["x-router-cache"] for answer in private] == ["miss", "exact"]
    assert {answer.headers["x-router-route"] for answer in private} == {"weak"}
    assert world.elsewhere == 0


async def test_a_server_that_is_to_stay_takes_no_providers_key_for_a_wish(world: World, tmp_path: Path) -> None:
    arguments = ["--weak-url", world.weak.base_url, "--weak-model", "weak", "--privacy", "local-only"]
    environ = {"OPENAI_API_KEY": "sk-x", "ANTHROPIC_API_KEY": "sk-y"}
    async with live_server(tmp_path, *arguments, environ=environ) as server, server.http() as client:
        health = (await client.get("/health")).json()
        assert health["upstreams"]["strong"] is None
        assert (await client.post(CHAT, json=question())).headers["x-router-model"] == "weak"
        for model in ("openai/gpt-4.1", "opus", "strong"):
            assert (await client.post(CHAT, json=question(model=model))).status_code == 404
