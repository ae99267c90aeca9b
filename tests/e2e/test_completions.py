"""OpenAI's older completions through the official client, forwarded as they are or told by chat."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
import pytest_asyncio

from router.upstream.scripted import ScriptedServer, Turn
from tests.live import EASY, HARD, LiveServer, routed

pytestmark = pytest.mark.asyncio(loop_scope="module")

REPLY = "return a + b"
PROMPT = "def add(a, b):\n    "


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def weak() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(model="weak-model", turns=[Turn(reply=REPLY)]) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chatting() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(model="strong-model", turns=[Turn(reply="from chat")], completes=False) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(
    tmp_path_factory: pytest.TempPathFactory, weak: ScriptedServer, chatting: ScriptedServer
) -> AsyncIterator[LiveServer]:
    """A weak model that completes prompts, a strong one that only chats."""
    async with routed(tmp_path_factory.mktemp("home"), weak, chatting) as running:
        yield running


async def test_a_prompt_is_routed_like_a_question_and_forwarded_untouched(
    server: LiveServer, weak: ScriptedServer
) -> None:
    client = server.client()
    raw = await client.completions.with_raw_response.create(
        model="auto", prompt=EASY, suffix="\n", max_tokens=9, best_of=2, logprobs=1, extra_body={"min_p": 0.1}
    )
    answer = raw.parse()
    assert (answer.object, answer.choices[0].text) == ("text_completion", REPLY)
    assert (raw.headers["x-router-route"], raw.headers["x-router-cache"]) == ("weak", "bypass")
    sent = weak.requests[-1]
    assert sent.path == "/v1/completions"
    assert sent.body == {
        "model": "weak-model",
        "prompt": EASY,
        "suffix": "\n",
        "max_tokens": 9,
        "best_of": 2,
        "logprobs": 1,
        "min_p": 0.1,
    }
    row = await server.ledger_row(raw.headers["x-request-id"])
    assert (row["endpoint"], row["finish_reason"]) == ("/v1/completions", "stop")
    assert (row["prompt_tokens"], row["completion_tokens"]) == (len(EASY.split()), 4)


async def test_the_dials_and_names_hold_here_too(server: LiveServer) -> None:
    client = server.client()
    hard = await client.completions.with_raw_response.create(model="auto", prompt=HARD)
    dialled = await client.completions.with_raw_response.create(
        model="auto", prompt=HARD, extra_query={"threshold": "1"}
    )
    named = await client.completions.with_raw_response.create(model="weak", prompt=HARD)
    assert [raw.headers["x-router-route"] for raw in (hard, dialled, named)] == ["strong", "weak", "weak"]
    assert named.headers["x-router-reason"] == "pinned"


async def test_it_streams_and_its_text_is_counted(server: LiveServer) -> None:
    client = server.client()
    stream = await client.completions.create(model="weak", prompt=PROMPT, stream=True)
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].text for chunk in chunks) == REPLY
    assert all(chunk.usage is None for chunk in chunks)
    with_usage = await client.completions.create(
        model="weak", prompt=PROMPT, stream=True, stream_options={"include_usage": True}
    )
    last = [chunk async for chunk in with_usage][-1]
    assert last.usage is not None
    rows = [row for row in server.ledger_rows() if row["stream"]]
    assert {row["completion_tokens"] for row in rows} == {4}
    assert {row["finish_reason"] for row in rows} == {"stop"}


async def test_a_model_that_only_chats_is_asked_by_chat_and_remembered(
    server: LiveServer, chatting: ScriptedServer
) -> None:
    client = server.client()
    whole = await client.completions.create(model="strong", prompt=PROMPT, temperature=0, n=1, echo=False)
    before = len(chatting.requests)
    stream = await client.completions.create(model="strong", prompt=[PROMPT], max_tokens=9, stream=True)
    pieces = [chunk.choices[0].text async for chunk in stream]
    assert whole.object == "text_completion"
    assert whole.choices[0].text == "".join(pieces) == "from chat"
    assert [request.path for request in chatting.requests[before:]] == ["/v1/chat/completions"]
    assert chatting.chats[-1].body["messages"] == [{"role": "user", "content": PROMPT}]
    assert "prompt" not in chatting.chats[-1].body
    assert chatting.chats[-1].body["max_tokens"] == 9


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("suffix", "end"),
        ("echo", True),
        ("best_of", 2),
        ("logprobs", 0),
        ("prompt", [1, 2]),
        ("prompt", ["a", "b"]),
        ("prompt", ""),
    ],
)
async def test_what_chat_cannot_express_is_refused_where_the_model_only_chats(
    server: LiveServer, field: str, value: Any
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await server.client().completions.create(**{"model": "strong", "prompt": PROMPT, field: value})
    assert refused.value.param == field
    assert refused.value.code == "no_completions"


async def test_tokens_cannot_be_scored_and_go_where_the_unfamiliar_go(
    server: LiveServer, weak: ScriptedServer, tmp_path: Path
) -> None:
    tokens: Any = [[1, 2, 3], [4]]
    pinned = await server.client().completions.create(model="weak", prompt=tokens)
    assert pinned.usage is not None
    assert (weak.requests[-1].body["prompt"], pinned.usage.prompt_tokens) == (tokens, 4)
    async with (
        ScriptedServer(model="strong-model", turns=[Turn()]) as strong,
        routed(tmp_path, weak, strong) as other,
    ):
        raw = await other.client().completions.with_raw_response.create(model="auto", prompt=[1, 2])
    assert (raw.headers["x-router-route"], raw.headers["x-router-reason"]) == ("strong", "unfamiliar")


async def test_nothing_is_cached_and_the_model_cache_says_so(server: LiveServer, weak: ScriptedServer) -> None:
    client, before = server.client(), len(weak.requests)
    for _ in range(2):
        await client.completions.create(model="weak", prompt="Once upon a time", temperature=0)
    assert len(weak.requests) == before + 2
    with pytest.raises(openai.NotFoundError) as missing:
        await client.completions.create(model="cache", prompt="Once upon a time")
    assert missing.value.code == "not_cached"


@pytest.mark.parametrize("prompt", [5, {}, ["a", 1], [[1], "a"], [["a"]], [1.5], []])
async def test_a_prompt_that_is_none_is_refused(server: LiveServer, prompt: Any) -> None:
    async with server.http() as http:
        answer = await http.post("/v1/completions", json={"model": "weak", "prompt": prompt})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "prompt"


@pytest.mark.parametrize("completes", [True, False])
async def test_a_stream_that_breaks_ends_in_an_error(tmp_path: Path, *, completes: bool) -> None:
    turn = Turn(fault="cut-midway", reply="one two three four")
    async with (
        ScriptedServer(model="weak-model", turns=[turn], completes=completes) as weak,
        routed(tmp_path, weak, None) as server,
        server.http() as http,
    ):
        answer = await http.post("/v1/completions", json={"prompt": PROMPT, "stream": True})
    assert "[DONE]" not in answer.text
    assert '"error"' in answer.text.strip().split("\n\n")[-1]


async def test_a_refusal_that_says_nothing_of_the_endpoint_is_passed_on(tmp_path: Path) -> None:
    async with (
        ScriptedServer(model="weak-model", turns=[Turn(status=429, error_message="Slow down.")]) as weak,
        routed(tmp_path, weak, None) as server,
    ):
        with pytest.raises(openai.RateLimitError, match="Slow down"):
            await server.client().completions.create(model="auto", prompt=PROMPT)
    assert {request.path for request in weak.requests} == {"/v1/completions"}
