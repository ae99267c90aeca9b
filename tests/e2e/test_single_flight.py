"""Equal requests at the same moment: one asks a model, the others get its answer, and nobody shares its bad luck."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from router.upstream.scripted import ScriptedServer, Turn
from tests.live import EASY, LiveServer, routed

PATH = "/v1/chat/completions"
MANY = 100
SLOW = Turn(reply="Paris is the capital.", delay_ms=700)
SLOWER = Turn(reply="Paris is the capital.", delay_ms=1000)


def asked(**fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": EASY}], **fields}


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
        before = len(upstream.chats)
        leader = asyncio.create_task(http.post(PATH, json=bodies[-1], **options))
        while len(upstream.chats) == before:
            await asyncio.sleep(0.01)
        others = await asyncio.gather(*(http.post(PATH, json=body, **options) for body in bodies[:-1]))
        return [*others, await leader]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_hundred_equal_requests_at_once_make_one_upstream_call(tmp_path: Path, stream: bool) -> None:
    async with ScriptedServer(model="weak-model", turns=[SLOW]) as weak, routed(tmp_path, weak, None) as server:
        answers = await at_once(server, weak, *[asked(stream=stream)] * MANY)
        rows = server.ledger_rows()
    assert len(weak.chats) == 1
    assert {(answer.status_code, text_of(answer)) for answer in answers} == {(200, SLOW.reply)}
    assert Counter(answer.headers["x-router-cache"] for answer in answers) == {"exact": MANY - 1, "miss": 1}
    # Each is a request of its own, and only the first one cost anything.
    assert (
        len({answer.headers["x-request-id"] for answer in answers}) == len({row["request_id"] for row in rows}) == MANY
    )
    assert Counter(row["cache"] for row in rows) == {"exact": MANY - 1, "miss": 1}
    assert {(row["outcome"], row["stream"]) for row in rows} == {("ok", int(stream))}
    assert {row["cost_usd"] for row in rows if row["cache"] == "exact"} == {"0"}


async def test_streamed_and_plain_requests_wait_for_one_another(tmp_path: Path) -> None:
    async with ScriptedServer(model="weak-model", turns=[SLOW]) as weak, routed(tmp_path, weak, None) as server:
        for number, first in enumerate([True, False]):
            bodies = [asked(stream=stream, seed=number) for stream in (True, False, first)]
            answers = await at_once(server, weak, *bodies)
            assert [text_of(answer) for answer in answers] == [SLOW.reply] * 3
            assert len(weak.chats) == number + 1


@pytest.mark.parametrize("stream", [False, True])
async def test_where_the_first_caller_leaves_another_takes_over_and_nobody_notices(
    tmp_path: Path, stream: bool
) -> None:
    turns = [Turn(delay_ms=20_000), SLOW]
    async with (
        ScriptedServer(model="weak-model", turns=turns) as weak,
        routed(tmp_path, weak, None) as server,
        server.http() as http,
    ):
        leader = asyncio.create_task(http.post(PATH, json=asked(stream=stream)))
        await weak.wait_until_asked()
        others = [asyncio.create_task(http.post(PATH, json=asked(stream=stream))) for _ in range(5)]
        await asyncio.sleep(0.3)
        leader.cancel()
        await weak.wait_until_a_client_left()
        answers = await asyncio.gather(*others)
        rows = server.ledger_rows()
    assert len(weak.chats) == 2
    assert [text_of(answer) for answer in answers] == [SLOW.reply] * 5
    assert Counter((row["outcome"], row["cache"]) for row in rows) == {
        ("cancelled", "miss"): 1,
        ("ok", "miss"): 1,
        ("ok", "exact"): 4,
    }


async def test_a_caller_who_leaves_while_it_waits_disturbs_nobody(tmp_path: Path) -> None:
    async with (
        ScriptedServer(model="weak-model", turns=[SLOWER]) as weak,
        routed(tmp_path, weak, None) as server,
        server.http() as http,
    ):
        leader = asyncio.create_task(http.post(PATH, json=asked()))
        await weak.wait_until_asked()
        impatient, patient = (asyncio.create_task(http.post(PATH, json=asked())) for _ in range(2))
        await asyncio.sleep(0.1)
        impatient.cancel()
        assert [text_of(await task) for task in (leader, patient)] == [SLOWER.reply] * 2
        assert len(weak.chats) == 1


@pytest.mark.parametrize(
    ("unlucky", "stream"),
    [
        (Turn(status=500, delay_ms=700), False),
        (Turn(fault="cut", delay_ms=700), True),
        (Turn(fault="cut-midway", delay_ms=700), True),
        (Turn(fault="error-midway", delay_ms=700), True),
    ],
)
async def test_the_failure_of_the_first_request_is_its_own(tmp_path: Path, unlucky: Turn, stream: bool) -> None:
    turns = [unlucky, Turn(reply="Paris is the capital.")]
    async with ScriptedServer(model="weak-model", turns=turns) as weak, routed(tmp_path, weak, None) as server:
        *others, leader = await at_once(server, weak, *[asked(stream=stream)] * 6)
    assert leader.status_code >= 500 or '"error"' in leader.text
    assert {(answer.status_code, text_of(answer)) for answer in others} == {(200, "Paris is the capital.")}


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_may_not_be_kept_is_not_shared_either(tmp_path: Path, stream: bool) -> None:
    cut_off = Turn(reply="Paris is the", finish_reason="length", delay_ms=700)
    whole = Turn(reply="Paris is the capital.")
    async with (
        ScriptedServer(model="weak-model", turns=[cut_off, whole]) as weak,
        routed(tmp_path, weak, None) as server,
    ):
        *others, leader = await at_once(server, weak, *[asked(stream=stream)] * 4)
    assert text_of(leader) == cut_off.reply
    assert {text_of(answer) for answer in others} == {whole.reply}


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
    tmp_path: Path, fields: dict[str, Any], headers: dict[str, str]
) -> None:
    async with (
        ScriptedServer(model="weak-model", turns=[Turn(delay_ms=500)]) as weak,
        routed(tmp_path, weak, None) as server,
    ):
        answers = await at_once(server, weak, *[asked(**fields)] * 3, headers=headers)
    assert len(weak.chats) == 3
    assert not {"exact", "semantic"} & {answer.headers["x-router-cache"] for answer in answers}


async def test_requests_that_differ_in_any_field_do_not_wait_for_one_another(tmp_path: Path) -> None:
    differing: list[dict[str, Any]] = [
        {},
        {"seed": 1},
        {"temperature": 0.1},
        {"user": "ann"},
        {"response_format": {"type": "json_object"}},
        {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": EASY}]},
        {"messages": [{"role": "user", "content": EASY + " "}]},
        {"model": "weak"},
    ]
    async with (
        ScriptedServer(model="weak-model", turns=[Turn(delay_ms=500)]) as weak,
        routed(tmp_path, weak, None) as server,
    ):
        await at_once(server, weak, *(asked() | fields for fields in differing))
    assert len(weak.chats) == len(differing)


async def test_a_cached_answer_that_is_wanted_only_now_is_not_waited_for(tmp_path: Path) -> None:
    async with (
        ScriptedServer(model="weak-model", turns=[SLOWER]) as weak,
        routed(tmp_path, weak, None) as server,
        server.http() as http,
    ):
        leader = asyncio.create_task(http.post(PATH, json=asked()))
        await weak.wait_until_asked()
        by_header = await http.post(PATH, json=asked(), headers={"cache-control": "only-if-cached"})
        by_name = await http.post(PATH, json=asked(model="cache"))
        assert not leader.done()
        await leader
    assert (by_header.status_code, by_name.status_code) == (504, 404)


async def test_it_can_be_switched_off(tmp_path: Path) -> None:
    async with (
        ScriptedServer(model="weak-model", turns=[SLOW]) as weak,
        routed(tmp_path, weak, None, "--no-cache-single-flight") as server,
    ):
        await at_once(server, weak, *[asked()] * 3)
    assert len(weak.chats) == 3
