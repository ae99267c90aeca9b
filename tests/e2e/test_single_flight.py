"""Equal requests at the same moment: one asks a model, the others get its answer, and nobody shares its bad luck."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from router.upstream.scripted import ScriptedServer, Turn
from tests.live import EASY, LiveServer, routed

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/chat/completions"
SEEDS = itertools.count(10_000)
"""A seed of its own keeps each test out of the cache of the others."""

MANY = 100
SLOW = Turn(reply="Paris is the capital.", delay_ms=1000)


def asked(**fields: Any) -> dict[str, Any]:
    # Pinned, so that no other model answers where this one fails.
    return {"model": "weak", "messages": [{"role": "user", "content": EASY}], "seed": next(SEEDS), **fields}


def script(upstream: ScriptedServer, *turns: Turn) -> None:
    """Let the model answer the next requests so, and count them from 0."""
    upstream.turns = list(turns)
    upstream.requests.clear()


def rows_of(server: LiveServer, answers: list[httpx.Response]) -> list[dict[str, Any]]:
    ids = {answer.headers["x-request-id"] for answer in answers}
    return [row for row in server.ledger_rows() if row["request_id"] in ids]


def text_of(answer: httpx.Response) -> str:
    if answer.headers["content-type"].startswith("application/json"):
        return str(answer.json()["choices"][0]["message"]["content"])
    events = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
    assert events[-1] == "[DONE]"
    choices = [choice for event in events[:-1] for choice in json.loads(event)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


async def at_once(
    server: LiveServer, upstream: ScriptedServer, *bodies: dict[str, Any], **options: Any
) -> list[httpx.Response]:
    """The answers to requests of which the last reaches the upstream before the others are sent."""
    async with server.http() as http:
        leader = asyncio.create_task(http.post(PATH, json=bodies[-1], **options))
        await until_asked(upstream)
        others = await asyncio.gather(*(http.post(PATH, json=body, **options) for body in bodies[:-1]))
        return [*others, await leader]


async def until_asked(upstream: ScriptedServer) -> None:
    async with asyncio.timeout(60):
        while not upstream.chats:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_hundred_equal_requests_at_once_make_one_upstream_call(
    server: LiveServer, weak: ScriptedServer, stream: bool
) -> None:
    script(weak, SLOW)
    answers = await at_once(server, weak, *[asked(stream=stream)] * MANY)
    assert len(weak.chats) == 1
    assert {(answer.status_code, text_of(answer)) for answer in answers} == {(200, SLOW.reply)}
    assert Counter(answer.headers["x-router-cache"] for answer in answers) == {"exact": MANY - 1, "miss": 1}
    # Each is a request of its own, and only the first one cost anything.
    rows = rows_of(server, answers)
    assert len(rows) == MANY
    assert Counter((row["cache"], row["outcome"]) for row in rows) == {("exact", "ok"): MANY - 1, ("miss", "ok"): 1}
    assert {row["cost_usd"] for row in rows if row["cache"] == "exact"} == {"0"}


async def test_streamed_and_plain_requests_wait_for_one_another(server: LiveServer, weak: ScriptedServer) -> None:
    for leader in (True, False):
        script(weak, SLOW)
        body = asked()
        answers = await at_once(server, weak, *({**body, "stream": stream} for stream in (True, False, leader)))
        assert [text_of(answer) for answer in answers] == [SLOW.reply] * 3
        assert len(weak.chats) == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_where_the_first_caller_leaves_another_takes_over_and_nobody_notices(
    server: LiveServer, weak: ScriptedServer, stream: bool
) -> None:
    script(weak, Turn(delay_ms=60_000), SLOW)
    body = asked(stream=stream)
    async with server.http() as http:
        leader = asyncio.create_task(http.post(PATH, json=body))
        await until_asked(weak)
        others = [asyncio.create_task(http.post(PATH, json=body)) for _ in range(5)]
        await asyncio.sleep(0.3)
        leader.cancel()
        answers = await asyncio.gather(*others)
    assert len(weak.chats) == 2
    assert [text_of(answer) for answer in answers] == [SLOW.reply] * 5
    assert Counter(answer.headers["x-router-cache"] for answer in answers) == {"miss": 1, "exact": 4}


async def test_a_caller_who_leaves_while_it_waits_disturbs_nobody(server: LiveServer, weak: ScriptedServer) -> None:
    script(weak, SLOW)
    body = asked()
    async with server.http() as http:
        leader = asyncio.create_task(http.post(PATH, json=body))
        await until_asked(weak)
        impatient, patient = (asyncio.create_task(http.post(PATH, json=body)) for _ in range(2))
        await asyncio.sleep(0.2)
        impatient.cancel()
        assert [text_of(await task) for task in (leader, patient)] == [SLOW.reply] * 2
    assert len(weak.chats) == 1


@pytest.mark.parametrize(
    ("unlucky", "stream"),
    [
        # What would be tried again is no failure yet.
        (Turn(status=400, delay_ms=800), False),
        (Turn(status=400, delay_ms=800), True),
        (Turn(fault="cut-midway", delay_ms=800), True),
        (Turn(fault="error-midway", delay_ms=800), True),
    ],
)
async def test_the_failure_of_the_first_request_is_its_own(
    server: LiveServer, weak: ScriptedServer, unlucky: Turn, stream: bool
) -> None:
    script(weak, unlucky, Turn(reply="Paris."))
    *others, leader = await at_once(server, weak, *[asked(stream=stream)] * 6)
    assert leader.status_code >= 400 or '"error"' in leader.text
    assert {(answer.status_code, text_of(answer)) for answer in others} == {(200, "Paris.")}


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_may_not_be_kept_is_not_shared_either(
    server: LiveServer, weak: ScriptedServer, stream: bool
) -> None:
    script(weak, Turn(reply="Paris is", finish_reason="length", delay_ms=800), Turn(reply="Paris."))
    *others, leader = await at_once(server, weak, *[asked(stream=stream)] * 4)
    assert text_of(leader) == "Paris is"
    assert {text_of(answer) for answer in others} == {"Paris."}


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({}, {"cache-control": "no-cache"}),
        ({}, {"cache-control": "no-store"}),
        ({}, {"cache-control": "max-age=0"}),
        ({"n": 2}, {}),
        ({"temperature": 1.5}, {}),
        ({"logprobs": True}, {}),
    ],
)
async def test_who_does_not_take_a_cached_answer_does_not_wait_for_one(
    server: LiveServer, weak: ScriptedServer, fields: dict[str, Any], headers: dict[str, str]
) -> None:
    script(weak, SLOW)
    answers = await at_once(server, weak, *[asked(**fields)] * 3, headers=headers)
    assert len(weak.chats) == 3
    assert not {"exact", "semantic"} & {answer.headers["x-router-cache"] for answer in answers}


async def test_requests_that_differ_in_any_field_do_not_wait_for_one_another(
    server: LiveServer, weak: ScriptedServer
) -> None:
    differing: list[dict[str, Any]] = [
        {},
        {"temperature": 0.1},
        {"user": "ann"},
        {"response_format": {"type": "json_object"}},
        {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": EASY}]},
        {"messages": [{"role": "user", "content": EASY + " "}]},
        {"model": "weak-model"},
    ]
    script(weak, SLOW)
    body = asked()
    await at_once(server, weak, *(body | fields for fields in differing))
    assert len(weak.chats) == len(differing)


async def test_a_cached_answer_that_is_wanted_only_now_is_not_waited_for(
    server: LiveServer, weak: ScriptedServer
) -> None:
    script(weak, SLOW)
    body = asked(model="auto")
    async with server.http() as http:
        leader = asyncio.create_task(http.post(PATH, json=body))
        await until_asked(weak)
        by_header = await http.post(PATH, json=body, headers={"cache-control": "only-if-cached"})
        by_name = await http.post(PATH, json={**body, "model": "cache"})
        assert not leader.done()
        await leader
    assert (by_header.status_code, by_name.status_code) == (504, 404)


async def test_it_can_be_switched_off(tmp_path: Path, weak: ScriptedServer) -> None:
    script(weak, SLOW)
    async with routed(tmp_path, weak, None, "--no-cache-single-flight") as server:
        await at_once(server, weak, *[asked()] * 3)
    assert len(weak.chats) == 3
