"""Several servers behind one Redis: what one has learnt, all of them know; without Redis each goes on alone."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from router.scoring.prompt import prompt_text
from router.scoring.scorer import Scorer
from router.types import Message
from router.upstream.scripted import ScriptedServer, Turn
from tests.live import EASY, LiveServer, routed
from tests.services.redis_server import RedisServer, a_redis

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/chat/completions"
LIMIT_S = 60
SEEDS = itertools.count(20_000)


GOES_ON = [
    {"role": "user", "content": EASY},
    {"role": "assistant", "content": "Paris."},
    {"role": "user", "content": "Thank you so much!"},
]
"""A conversation for whose last turn the weak model is due, if only just."""


class Servers:
    """Two models, a Redis that may be stopped, and any number of servers."""

    def __init__(self, folder: Path, redis: RedisServer, weak: ScriptedServer, strong: ScriptedServer) -> None:
        self.redis, self.weak, self.strong = redis, weak, strong
        self._folder = folder
        self._names = itertools.count()
        messages = [Message(**turn) for turn in GOES_ON]  # type: ignore[arg-type]
        self._threshold = f"{Scorer.load().score(prompt_text(messages)).win_rate + 0.001:.6f}"

    @asynccontextmanager
    async def another(self, *arguments: str, **environ: str) -> AsyncIterator[LiveServer]:
        home = self._folder / f"home-{next(self._names)}"
        environ = {"UNDERDOG_REDIS_URL": self.redis.url, "UNDERDOG_THRESHOLD": self._threshold, **environ}
        async with routed(home, self.weak, self.strong, *arguments, **environ) as server:
            await until(lambda: is_up(server))
            yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    folder = tmp_path_factory.mktemp("servers")
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(a_redis(folder))
        weak = await stack.enter_async_context(ScriptedServer(model="weak-model", turns=[Turn(reply="weak says so")]))
        strong = await stack.enter_async_context(
            ScriptedServer(model="strong-model", turns=[Turn(reply="strong says so")])
        )
        yield Servers(folder, redis, weak, strong)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one(servers: Servers) -> AsyncIterator[LiveServer]:
    async with servers.another() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def two(servers: Servers) -> AsyncIterator[LiveServer]:
    async with servers.another() as server:
        yield server


def asked(question: str = EASY, **fields: Any) -> dict[str, Any]:
    return {"model": "weak", "messages": [{"role": "user", "content": question}], "seed": next(SEEDS), **fields}


async def post(server: LiveServer, body: dict[str, Any], **headers: str) -> httpx.Response:
    async with server.http() as http:
        return await http.post(PATH, json=body, headers=headers)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not await condition():
            await asyncio.sleep(0.02)


async def shared(server: LiveServer) -> str | None:
    async with server.http() as http:
        return (await http.get("/health")).json()["shared"]


async def is_up(server: LiveServer) -> bool:
    return await shared(server) == "up"


async def is_away(server: LiveServer) -> bool:
    return await shared(server) == "away"


async def metric(server: LiveServer, name: str) -> float:
    async with server.http() as http:
        lines = (await http.get("/metrics")).text.splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))


async def hits(server: LiveServer, body: dict[str, Any]) -> bool:
    """Whether a server has the answer to a request in its cache; nobody is asked for it."""
    return (await post(server, body, **{"cache-control": "only-if-cached"})).status_code == 200


async def test_an_answer_of_one_server_is_an_answer_of_the_other(
    servers: Servers, one: LiveServer, two: LiveServer
) -> None:
    body = asked()
    servers.weak.requests.clear()
    first = await post(one, body)
    await until(lambda: hits(two, body))
    second = await post(two, body)
    assert (first.headers["x-router-cache"], second.headers["x-router-cache"]) == ("miss", "exact")
    assert first.json()["choices"] == second.json()["choices"]
    assert len(servers.weak.requests) == 1


async def test_a_rewording_hits_on_the_other_server_too(servers: Servers, one: LiveServer, two: LiveServer) -> None:
    body = asked("What is the capital of Peru?")
    await post(one, body)
    await until(lambda: hits(two, body))
    servers.weak.requests.clear()
    reworded = {**body, "messages": [{"role": "user", "content": "what is the capital of peru"}]}
    found = await post(two, reworded)
    assert (found.headers["x-router-cache"], len(servers.weak.requests)) == ("semantic", 0)


async def test_what_is_evicted_on_one_server_is_gone_on_the_other(one: LiveServer, two: LiveServer) -> None:
    body = asked()
    await post(one, body)
    await until(lambda: hits(two, body))
    async with two.http() as http:
        assert (await http.delete("/cache/entries")).json()["evicted"] >= 1
    await until(lambda: is_gone(one, body))


async def is_gone(server: LiveServer, body: dict[str, Any]) -> bool:
    return not await hits(server, body)


async def test_an_answer_called_wrong_on_one_server_is_gone_on_the_other(one: LiveServer, two: LiveServer) -> None:
    body = asked()
    answer = await post(one, body)
    await until(lambda: hits(two, body))
    async with one.http() as http:
        rated = await http.post("/v1/feedback", json={"request_id": answer.headers["x-request-id"], "rating": "bad"})
    assert rated.status_code == 200, rated.text
    await until(lambda: is_gone(two, body))


async def test_a_server_that_joins_catches_up_and_where_it_leads_and_is_killed_another_one_does(
    servers: Servers, one: LiveServer, two: LiveServer
) -> None:
    bodies = [asked() for _ in range(20)]
    for body in bodies:
        await post(one, body)
    async with servers.another() as third:
        servers.weak.requests.clear()
        for body in bodies:
            await until(partial(hits, third, body))
        assert await metric(third, "underdog_shared_received_total") >= 20
        await until(partial(is_level, third))
        assert not servers.weak.requests

        servers.weak.turns = [Turn(reply="never", delay_ms=600_000), Turn(reply="after all")]
        try:
            body = asked()
            lost = asyncio.create_task(post(third, body))
            await until(partial(is_asked, servers.weak, 1))
            waits = asyncio.create_task(post(two, body))
            third.process.kill()
            answer = await asyncio.wait_for(waits, LIMIT_S)
            assert (answer.status_code, answer.json()["choices"][0]["message"]["content"]) == (200, "after all")
            await asyncio.gather(lost, return_exceptions=True)
        finally:
            servers.weak.turns = [Turn(reply="weak says so")]


async def is_level(server: LiveServer) -> bool:
    return await metric(server, "underdog_shared_lag_seconds") == 0


async def test_equal_requests_on_two_servers_ask_a_model_once(
    servers: Servers, one: LiveServer, two: LiveServer
) -> None:
    servers.weak.turns = [Turn(reply="slowly", delay_ms=1500)]
    try:
        for stream in (False, True):
            body = asked(stream=stream)
            servers.weak.requests.clear()
            answers = await asyncio.gather(*(post(server, body) for server in (one, two, one, two, two, one)))
            assert [answer.status_code for answer in answers] == [200] * 6
            assert len(servers.weak.requests) == 1
            outcomes = sorted(answer.headers["x-router-cache"] for answer in answers)
            assert outcomes == ["exact"] * 5 + ["miss"]
    finally:
        servers.weak.turns = [Turn(reply="weak says so")]


async def test_a_conversation_stays_on_its_model_whatever_server_it_comes_to(one: LiveServer, two: LiveServer) -> None:
    async def decided(server: LiveServer, turns: list[dict[str, str]], model: str) -> str:
        body = {"model": model, "messages": turns, "seed": next(SEEDS)}
        return (await post(server, body)).headers["x-router-reason"]

    assert await decided(two, GOES_ON, "auto") == "win-rate"
    assert await decided(one, GOES_ON[:1], "strong") == "pinned"

    async def stays() -> bool:
        return await decided(two, GOES_ON, "auto") == "sticky"

    await until(stays)


async def is_asked(upstream: ScriptedServer, times: int) -> bool:
    return len(upstream.requests) >= times


async def test_without_redis_all_is_answered_and_it_heals(servers: Servers, one: LiveServer, two: LiveServer) -> None:
    for stop, back in (
        (servers.redis.stop, servers.redis.start),
        (as_async(servers.redis.freeze), as_async(servers.redis.thaw)),
    ):
        await stop()
        bodies = [asked(stream=bool(number % 2)) for number in range(20)]
        answers = await asyncio.gather(*(post(one, body) for body in bodies))
        assert [answer.status_code for answer in answers] == [200] * 20
        assert [(await post(one, body)).headers["x-router-cache"] for body in bodies] == ["exact"] * 20
        assert (await post(two, bodies[0])).status_code == 200
        await until(lambda: is_away(one))
        async with one.http() as http:
            ready = await http.get("/ready")
            assert (ready.status_code, ready.json()["ready"]) == (200, True)
        assert await metric(one, "underdog_shared_up") == 0
        await back()
        await until(lambda: is_up(one))
        await until(lambda: is_up(two))
        body = asked()
        await post(one, body)
        await until(partial(hits, two, body))
        # What was said while Redis was away is said after all.
        await until(partial(hits, two, bodies[-1]))


def as_async(do: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    async def done() -> None:
        do()

    return done


async def test_a_flushed_redis_takes_nothing_from_anybody(servers: Servers, one: LiveServer, two: LiveServer) -> None:
    kept, later = asked(), asked()
    await post(one, kept)
    await until(lambda: hits(two, kept))
    assert await servers.redis.ask("FLUSHALL") == "+OK"
    assert await hits(one, kept)
    assert await hits(two, kept)
    await post(one, later)
    await until(lambda: hits(two, later))


async def test_a_deployment_that_fails_one_server_is_left_alone_by_the_other(
    servers: Servers, one: LiveServer, two: LiveServer
) -> None:
    servers.strong.turns = [Turn(status=429, headers={"retry-after": "120"})]
    try:
        body = {**asked(), "model": "strong"}
        assert (await post(one, body)).status_code == 429
        await until(lambda: rests(two))
        servers.strong.requests.clear()
        refused = await post(two, {**asked(), "model": "strong"})
        assert (refused.status_code, len(servers.strong.requests)) == (429, 0)
        assert 0 < int(refused.headers["retry-after"]) <= 120
    finally:
        servers.strong.turns = [Turn(reply="strong says so")]


async def rests(server: LiveServer) -> bool:
    async with server.http() as http:
        (strong,) = (await http.get("/health")).json()["upstreams"]["strong"]["deployments"]
    return bool(strong["resting_s"])
