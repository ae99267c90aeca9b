"""What the ledger says of tokens and money: the same whether streamed or whole, an estimate only where it says so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from router.ledger.tokens import estimate_tokens
from router.upstream.scripted import ScriptedServer, Turn
from tests.live import LiveServer, live_server

KEY = "sk-the-providers-own"
ANSWER = Turn(
    reply="Seven words make up this scripted answer.",
    thinking="Hm. Let me see.",
    cached_tokens=3,
    cache_written_tokens=2,
)
SLOW = Turn(reply="word " * 200, piece_delay_ms=20, cached_tokens=3)
ASK = "What do you make of the first seven words of this?"
COUNTED = (
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "cache_written_tokens",
    "reasoning_tokens",
    "tokens_estimated",
    "cost_usd",
    "baseline_cost_usd",
)


@dataclass
class Scene:
    server: LiveServer
    openai: ScriptedServer
    claude: ScriptedServer

    async def row(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The ledger's row of a request that is answered to its end."""
        async with self.server.http() as http:
            answer = await http.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return await self.server.ledger_row(answer.headers["x-request-id"])

    async def row_of_one_who_left(self, body: dict[str, Any], *, pieces: int) -> dict[str, Any]:
        """The row of a request whose caller leaves after so many lines of its stream."""
        async with (
            self.server.http() as http,
            http.stream("POST", "/v1/chat/completions", json=body) as answer,
        ):
            lines = answer.aiter_lines()
            for _ in range(pieces):
                await anext(lines)
            name = answer.headers["x-request-id"]
        return await self.server.ledger_row(name)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """Two models that cost money: the strong one in Anthropic's protocol, the weak one in OpenAI's."""
    async with AsyncExitStack() as stack:
        openai = await stack.enter_async_context(ScriptedServer(model="gpt-4o-mini", turns=[ANSWER], api_key=KEY))
        claude = await stack.enter_async_context(ScriptedServer(model="claude-haiku-4-5", turns=[ANSWER], api_key=KEY))
        key = {"api_key": KEY}
        deployments = [
            {"route": "weak", "provider": "openai", "url": openai.base_url, "model": "gpt-4o-mini"} | key,
            {"route": "strong", "provider": "anthropic", "url": claude.base_url, "model": "claude-haiku-4-5"} | key,
        ]
        environ = {"UNDERDOG_DEPLOYMENTS": json.dumps(deployments), "UNDERDOG_CACHE": "false"}
        environ |= {"UNDERDOG_FIRST_TOKEN_TIMEOUT_S": "2", "UNDERDOG_RETRIES": "0", "UNDERDOG_FALLBACK": "false"}
        home = tmp_path_factory.mktemp("home")
        yield Scene(await stack.enter_async_context(live_server(home, environ=environ)), openai, claude)


@pytest.fixture(autouse=True)
def _script(scene: Scene) -> None:
    scene.openai.turns = [ANSWER]
    scene.claude.turns = [ANSWER]


def chat(model: str, **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": ASK}], **more}


PATHS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": ASK}]},
    "/v1/completions": {"prompt": ASK},
    "/v1/responses": {"input": ASK},
    "/v1/messages": {"messages": [{"role": "user", "content": ASK}], "max_tokens": 100},
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("model", ["weak", "strong"])
@pytest.mark.parametrize("path", list(PATHS))
async def test_streamed_equals_whole_to_the_last_digit(scene: Scene, path: str, model: str) -> None:
    body = PATHS[path] | {"model": model}
    whole = await scene.row(path, body)
    streamed = await scene.row(path, body | {"stream": True})
    assert {name: whole[name] for name in COUNTED} == {name: streamed[name] for name in COUNTED}
    assert (whole["stream"], streamed["stream"]) == (0, 1)
    assert (whole["prompt_tokens"], whole["completion_tokens"]) == (11, 7)
    assert whole["tokens_estimated"] == 0
    if path != "/v1/completions" or model == "strong":  # scripted completions know no prompt cache
        assert whole["cached_tokens"] == 3
        written = 2 if model == "strong" else 0
        assert whole["cache_written_tokens"] == 2
        # 1 and 5 dollars for a million tokens, a tenth for cached ones, a quarter more for those that are written; and
        # 0.15 and 0.6 dollars, half for cached ones, those that are written being like any other.
        million = Decimal(1_000_000)
        strong = (6 + 3 * Decimal("0.1") + written * Decimal("1.25") + 7 * 5) / million
        weak = (8 * Decimal("0.15") + 3 * Decimal("0.075") + 7 * Decimal("0.6")) / million
        assert Decimal(whole["cost_usd"]) == (strong if model == "strong" else weak)
        baseline = strong if model == "strong" else (11 + 7 * 5) / million
        assert Decimal(whole["baseline_cost_usd"]) == baseline


@pytest.mark.asyncio(loop_scope="module")
async def test_embeddings_are_counted_as_their_maker_does(scene: Scene) -> None:
    row = await scene.row("/v1/embeddings", {"model": "text-embedding-3-small", "input": [ASK, "and this"]})
    assert (row["prompt_tokens"], row["completion_tokens"], row["tokens_estimated"]) == (13, 0, 0)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_stream_without_usage_is_estimated_and_marked(scene: Scene) -> None:
    refuses = Turn(status=400, error_message="Unrecognized request argument supplied: stream_options")
    calls = Turn(call_tool=True, thinking="I had better look it up.")
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]
    whole = await scene.row("/v1/chat/completions", chat("weak"))
    played = sum(scene.openai.speech(request) is not None for request in scene.openai.requests)
    scene.openai.turns = [*[ANSWER] * played, refuses, ANSWER, calls]

    told = await scene.row("/v1/chat/completions", chat("weak", stream=True))
    called = await scene.row("/v1/chat/completions", chat("weak", stream=True, tools=tools))

    assert (told["tokens_estimated"], called["tokens_estimated"]) == (1, 1)
    assert told["completion_tokens"] == estimate_tokens(ANSWER.thinking + ANSWER.reply)
    arguments = json.dumps({"input": ASK}, separators=(",", ":"))
    assert called["completion_tokens"] == estimate_tokens(calls.thinking + "look_up" + arguments)
    assert called["prompt_tokens"] > told["prompt_tokens"], "tools are read as well"
    assert 0 < Decimal(told["cost_usd"]) < 3 * Decimal(whole["cost_usd"])


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("model", ["weak", "strong"])
async def test_what_came_until_the_caller_left_is_counted_and_marked(scene: Scene, model: str) -> None:
    scene.openai.turns = scene.claude.turns = [SLOW]
    row = await scene.row_of_one_who_left(chat(model, stream=True), pieces=40)
    assert (row["outcome"], row["tokens_estimated"]) == ("cancelled", 1)
    assert 10 <= row["completion_tokens"] < 200
    assert Decimal(row["cost_usd"]) > 0
    if model == "strong":
        # Its protocol tells first what the prompt takes.
        assert (row["prompt_tokens"], row["cached_tokens"]) == (11, 3)
    else:
        assert row["prompt_tokens"] > 8


@pytest.mark.asyncio(loop_scope="module")
async def test_what_the_ledger_alone_is_told_does_not_reach_callers(scene: Scene) -> None:
    async with scene.server.http() as http:
        told = [
            (await http.post("/v1/chat/completions", json=chat("strong", stream=True, stream_options=options))).text
            for options in ({"include_usage": False}, {"include_usage": True})
        ]
    assert ["so_far" in text for text in told] == [False, False]
    assert [text.count('"usage":{') for text in told] == [0, 1]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_prompt_that_was_read_in_vain_is_counted(scene: Scene) -> None:
    scene.claude.turns = [Turn(fault="hang")]
    before, asked = len(scene.server.ledger_rows()), len(scene.claude.chats)
    async with scene.server.http() as http:
        leaving = asyncio.create_task(http.post("/v1/chat/completions", json=chat("strong")))
        while len(scene.claude.chats) == asked:
            await asyncio.sleep(0.02)
        leaving.cancel()
    async with asyncio.timeout(30):
        while len(rows := scene.server.ledger_rows()) == before:
            await asyncio.sleep(0.05)
    left = rows[-1]
    assert left["outcome"] == "cancelled"
    async with scene.server.http() as http:
        silent = await http.post("/v1/chat/completions", json=chat("strong", stream=True))
    assert silent.status_code == 504
    timed_out = await scene.server.ledger_row(silent.headers["x-request-id"])
    for row in (left, timed_out):
        assert row["tokens_estimated"] == 1
        assert row["prompt_tokens"] > 8
        assert row["completion_tokens"] == 0
        assert Decimal(row["cost_usd"]) == row["prompt_tokens"] / Decimal(1_000_000)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_refusal_costs_nothing_that_is_known(scene: Scene) -> None:
    scene.claude.turns = [Turn(status=400)]
    async with scene.server.http() as http:
        refused = await http.post("/v1/chat/completions", json=chat("strong"))
    row = await scene.server.ledger_row(refused.headers["x-request-id"])
    assert (row["outcome"], row["prompt_tokens"], row["cost_usd"]) == ("error", 0, None)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_stream_that_breaks_is_counted_as_far_as_it_came(scene: Scene) -> None:
    scene.openai.turns = [Turn(reply="one two three four five six seven eight", fault="error-midway")]
    row = await scene.row("/v1/chat/completions", chat("weak", stream=True))
    assert (row["outcome"], row["tokens_estimated"]) == ("error", 1)
    assert row["prompt_tokens"] > 8
    assert Decimal(row["cost_usd"]) > 0
