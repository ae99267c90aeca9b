"""Requests routed between the real embedded LLM and a strong upstream, seen through the official client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from router.upstream.scripted import ScriptedServer, Turn
from tests.live import EASY, HARD, LiveServer, live_server

pytestmark = pytest.mark.asyncio(loop_scope="module")

STRONG_REPLY = "The strong model has answered."
WARM_UP_LIMIT_S = 120


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory, embedded_home: Path) -> AsyncIterator[LiveServer]:
    home = tmp_path_factory.mktemp("home")
    (home / "models").symlink_to(embedded_home / "models")
    async with ScriptedServer(model="strong-model", turns=[Turn(reply=STRONG_REPLY)]) as strong:
        arguments = ["--strong-url", strong.base_url, "--strong-model", "strong-model"]
        async with live_server(home, *arguments) as running:
            yield running


async def test_the_server_answers_health_while_the_llm_warms_up_and_then_says_that_it_is_ready(
    server: LiveServer,
) -> None:
    async with server.http() as http, asyncio.timeout(WARM_UP_LIMIT_S):
        while (weak := (await http.get("/health")).json()["upstreams"]["weak"])["state"] != "ready":
            assert weak["state"] == "starting"
            await asyncio.sleep(0.2)
    assert "smollm2" in weak["model"].lower()


async def test_an_easy_question_is_answered_by_the_llm_on_this_machine(server: LiveServer) -> None:
    client = server.client(timeout=WARM_UP_LIMIT_S)
    raw = await client.chat.completions.with_raw_response.create(
        model="auto", messages=[{"role": "user", "content": EASY}], max_tokens=24, temperature=0
    )
    answer = raw.parse()
    assert raw.headers["x-router-route"] == "weak"
    assert raw.headers["x-router-cost-usd"] == "0"
    assert answer.choices[0].message.content
    assert answer.model == raw.headers["x-router-model"]
    assert answer.usage is not None
    assert answer.usage.prompt_tokens > 0


async def test_it_streams_in_pieces_that_add_up_to_the_whole_answer(server: LiveServer) -> None:
    client = server.client(timeout=WARM_UP_LIMIT_S)
    question: Any = {
        "messages": [{"role": "user", "content": "Name three colours."}],
        "max_tokens": 24,
        "temperature": 0,
    }
    stream = await client.chat.completions.create(model="weak", stream=True, **question)
    pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
    pinned = {"extra_headers": {"cache-control": "no-cache"}}
    whole = await client.chat.completions.create(model="weak", **question, **pinned)
    assert len([piece for piece in pieces if piece]) > 1
    assert "".join(pieces) == whole.choices[0].message.content


async def test_it_completes_prompts_and_fills_them_in_pieces(server: LiveServer) -> None:
    client = server.client(timeout=WARM_UP_LIMIT_S)
    prompt: Any = {"model": "weak", "prompt": "One, two, three,", "max_tokens": 6, "temperature": 0}
    whole = await client.completions.create(**prompt)
    pieces = [chunk async for chunk in await client.completions.create(**prompt, stream=True)]
    assert whole.usage is not None
    assert whole.usage.completion_tokens == 6
    assert "".join(chunk.choices[0].text for chunk in pieces) == whole.choices[0].text != ""
    assert whole.choices[0].finish_reason == "length"


async def test_it_answers_the_responses_api_within_the_limit_that_was_set(server: LiveServer) -> None:
    client = server.client(timeout=WARM_UP_LIMIT_S)
    answer = await client.responses.create(model="weak", input="Tell me a story.", max_output_tokens=6, temperature=0)
    assert answer.output_text
    assert (answer.status, answer.usage.output_tokens) == ("incomplete", 6)  # type: ignore[union-attr]


async def test_a_hard_question_goes_to_the_strong_model(server: LiveServer) -> None:
    raw = await server.client().chat.completions.with_raw_response.create(
        model="auto", messages=[{"role": "user", "content": HARD}]
    )
    assert raw.headers["x-router-route"] == "strong"
    assert raw.parse().choices[0].message.content == STRONG_REPLY


async def test_both_are_in_the_ledger_with_their_tokens(server: LiveServer) -> None:
    rows = [row for row in server.ledger_rows() if row["outcome"] == "ok"]
    assert {row["route"] for row in rows} == {"weak", "strong"}
    assert all(row["prompt_tokens"] > 0 and row["completion_tokens"] > 0 for row in rows)
    assert {(row["route"], bool(row["embedded_ms"])) for row in rows} == {("weak", True), ("strong", False)}
