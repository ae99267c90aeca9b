"""Anthropic's protocol at a live server: routed, cached, settled and failing as chat completions are."""

from __future__ import annotations

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from router.upstream.scripted import ScriptedServer, Turn
from tests.dialects.folding import check_order, events_of, folded
from tests.live import EASY, HARD, LiveServer, live_server, routed
from tests.recorded import RecordedServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/messages"
COUNT = "/v1/messages/count_tokens"
NUMBERS = itertools.count()
"""A user of its own keeps each test out of the cache of the others."""


def asked(text: str = EASY, **fields: Any) -> dict[str, Any]:
    user = {"user_id": f"test-{next(NUMBERS)}"}
    return {
        "model": "auto",
        "max_tokens": 50,
        "messages": [{"role": "user", "content": text}],
        "metadata": user,
        **fields,
    }


async def ask(server: LiveServer, body: Any, path: str = PATH, **headers: str) -> httpx.Response:
    async with server.http() as http:
        return await http.post(path, json=body, headers=headers)


def text_of(answer: httpx.Response) -> str:
    """The text of a whole answer or of a streamed one, its events checked."""
    if not answer.headers["content-type"].startswith("text/event-stream"):
        return "".join(block["text"] for block in answer.json()["content"])
    events = events_of(answer.content)
    check_order(events)
    return "".join(block["text"] for block in folded(events)["content"])


def kind_of(answer: httpx.Response) -> str:
    """The type of an error, in Anthropic's shape."""
    told = answer.json()
    assert told["type"] == "error"
    assert told["request_id"] == answer.headers["request-id"] == answer.headers["x-request-id"]
    assert set(told["error"]) == {"type", "message"}
    kind: str = told["error"]["type"]
    return kind


# Routing.


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_goes_to_the_model_that_suffices(server: LiveServer, stream: bool) -> None:
    easy = await ask(server, asked(stream=stream))
    hard = await ask(server, asked(HARD, stream=stream))
    assert (text_of(easy), easy.headers["x-router-route"]) == ("from the weak one", "weak")
    assert (text_of(hard), hard.headers["x-router-route"]) == ("from the strong one", "strong")
    assert easy.headers["request-id"] == easy.headers["x-request-id"]


@pytest.mark.parametrize(
    ("model", "path", "headers", "route"),
    [
        ("strong", PATH, {}, "strong"),
        ("weak-model", PATH, {}, "weak"),
        ("auto:cheap", PATH, {}, "weak"),
        ("auto", f"{PATH}?threshold=0", {}, "strong"),
        ("auto", f"{PATH}?threshold=1&beta=true", {}, "weak"),
        ("auto", f"{PATH}?beta=true", {"x-router-threshold": "0"}, "strong"),
    ],
)
async def test_the_dials_are_those_of_chat_completions(
    server: LiveServer, model: str, path: str, headers: dict[str, str], route: str
) -> None:
    answer = await ask(server, asked(model=model), path, **headers)
    assert answer.headers["x-router-route"] == route


async def test_every_request_is_in_the_ledger_once_under_its_endpoint(server: LiveServer) -> None:
    answers = [await ask(server, asked(stream=stream)) for stream in (False, True)]
    answers.append(await ask(server, {"max_tokens": 1}))
    names = [answer.headers["request-id"] for answer in answers]
    rows = [row for row in server.ledger_rows() if row["request_id"] in names]
    assert [(row["endpoint"], row["outcome"]) for row in rows] == [(PATH, "ok"), (PATH, "ok"), (PATH, "error")]
    assert all(row["completion_tokens"] == 4 for row in rows[:2])


# The cache.


async def test_an_answer_is_kept_and_told_again_streamed_or_whole(server: LiveServer, weak: ScriptedServer) -> None:
    body = asked()
    before = len(weak.chats)
    first = await ask(server, body)
    again = [await ask(server, {**body, "stream": stream}) for stream in (True, False)]
    assert [answer.headers["x-router-cache"] for answer in (first, *again)] == ["miss", "exact", "exact"]
    assert {text_of(answer) for answer in (first, *again)} == {"from the weak one"}
    assert len(weak.chats) == before + 1


async def test_a_reworded_question_is_answered_from_the_cache(server: LiveServer) -> None:
    body = asked()
    await ask(server, body)
    reworded = body | {"messages": [{"role": "user", "content": "what's the capital of France"}]}
    assert (await ask(server, reworded)).headers["x-router-cache"] == "semantic"
    other = reworded | {"top_k": 3}
    assert (await ask(server, other)).headers["x-router-cache"] == "miss"


async def test_the_model_named_cache_gives_what_auto_was_given(server: LiveServer) -> None:
    body = asked()
    missing = await ask(server, body | {"model": "cache"})
    assert (missing.status_code, kind_of(missing)) == (404, "not_found_error")
    await ask(server, body)
    assert (await ask(server, body | {"model": "cache"})).headers["x-router-cache"] == "exact"


# Errors.


@pytest.mark.parametrize(
    ("sent", "status", "kind"),
    [
        (b"{", 400, "invalid_request_error"),
        (b"[]", 400, "invalid_request_error"),
        (json.dumps(asked(model="gpt-17")).encode(), 404, "not_found_error"),
        (json.dumps(asked(max_tokens=None)).encode(), 400, "invalid_request_error"),
        (b"x" * 11_000_000, 413, "request_too_large"),
    ],
)
async def test_errors_are_in_anthropics_shape(server: LiveServer, sent: bytes, status: int, kind: str) -> None:
    async with server.http() as http:
        answer = await http.post(PATH, content=sent)
    assert (answer.status_code, kind_of(answer)) == (status, kind)


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", PATH, 405, "invalid_request_error"),
        ("DELETE", COUNT, 405, "invalid_request_error"),
        ("POST", "/v1/messages/batches", 404, "not_found_error"),
        ("POST", f"{PATH}?nonsense=1", 400, "invalid_request_error"),
    ],
)
async def test_errors_of_the_address_are_so_too(
    server: LiveServer, method: str, path: str, status: int, kind: str
) -> None:
    async with server.http() as http:
        answer = await http.request(method, path, json=asked())
    assert (answer.status_code, kind_of(answer)) == (status, kind)


async def test_a_refusal_of_the_upstream_keeps_its_status_and_its_patience(tmp_path: Path) -> None:
    busy = Turn(status=429, headers={"retry-after": "7"}, error_message="Slow down.")
    async with (
        ScriptedServer(model="weak-model", turns=[busy]) as weak,
        routed(tmp_path, weak, None, UNDERDOG_FALLBACK="false") as server,
    ):
        answer = await ask(server, asked())
    assert (answer.status_code, kind_of(answer)) == (429, "rate_limit_error")
    assert answer.headers["retry-after"] == "7"
    assert answer.json()["error"]["message"] == "Slow down."


@pytest.mark.parametrize("fault", ["cut-midway", "error-midway", "no-finish"])
async def test_an_answer_that_breaks_off_ends_in_an_error_event_and_not_in_a_stop(tmp_path: Path, fault: Any) -> None:
    async with (
        ScriptedServer(model="weak-model", turns=[Turn(reply="one two three four", fault=fault)]) as weak,
        routed(tmp_path, weak, None) as server,
    ):
        answer = await ask(server, asked(stream=True))
        rows = server.ledger_rows()
    events = events_of(answer.content)
    assert events[0]["type"] == "message_start"
    assert events[-1]["type"] == "error"
    assert events[-1]["error"]["type"] == "api_error"
    assert not {"message_delta", "message_stop"} & {event["type"] for event in events}
    assert [(row["outcome"], row["endpoint"]) for row in rows] == [("error", PATH)]


async def test_an_answer_that_is_none_is_an_error(tmp_path: Path) -> None:
    nameless = [{"id": "a", "function": {"arguments": "{}"}}]
    chunk = {"choices": [{"index": 0, "delta": {"tool_calls": nameless}, "finish_reason": "tool_calls"}]}
    upstream = RecordedServer(answer='{"choices": [{"index": 0}]}', events=[json.dumps(chunk)])
    async with upstream, live_server(tmp_path, "--weak-url", upstream.base_url, "--weak-model", "m") as server:
        whole = await ask(server, asked())
        streamed = await ask(server, asked(stream=True))
        rows = server.ledger_rows()
    assert (whole.status_code, kind_of(whole)) == (502, "api_error")
    assert events_of(streamed.content)[-1]["type"] == "error"
    assert [row["outcome"] for row in rows] == ["error", "error"]


async def test_a_caller_who_leaves_cancels_the_upstream_and_is_in_the_ledger(tmp_path: Path) -> None:
    slow = Turn(reply="word " * 200, piece_delay_ms=25)
    async with ScriptedServer(model="weak-model", turns=[slow]) as weak, routed(tmp_path, weak, None) as server:
        async with server.http() as http, http.stream("POST", PATH, json=asked(stream=True)) as answer:
            name = answer.headers["request-id"]
            async for _ in answer.aiter_bytes():
                break
        await asyncio.wait_for(weak.wait_until_a_client_left(), timeout=5)
        row = await server.ledger_row(name)
    assert (row["outcome"], row["status"], row["endpoint"]) == ("cancelled", 499, PATH)


# Keys.


async def test_the_callers_key_opens_the_server_and_goes_no_further(tmp_path: Path) -> None:
    async with (
        ScriptedServer(model="weak-model", api_key="upstream-key") as weak,
        routed(tmp_path, weak, None, UNDERDOG_API_KEY="sesame", UNDERDOG_WEAK_API_KEY="upstream-key") as server,
    ):
        stranger = await ask(server, asked())
        listed = await ask_models(server, **{"anthropic-version": "2023-06-01", "x-api-key": "wrong"})
        torn = await ask(server, asked(), **{"x-api-key": "sesame", "authorization": "Bearer other"})
        friends = [
            await ask(server, asked(), **headers)
            for headers in ({"x-api-key": "sesame"}, {"api-key": "sesame"}, {"authorization": "Bearer sesame"})
        ]
    assert [(answer.status_code, kind_of(answer)) for answer in (stranger, listed, torn)] == [
        (401, "authentication_error")
    ] * 3
    assert [answer.status_code for answer in friends] == [200] * 3
    assert all("sesame" not in str(request) for request in weak.requests)


# Counting.


async def test_tokens_are_estimated_and_nothing_is_written(server: LiveServer) -> None:
    rows = len(server.ledger_rows())
    body = {"model": "auto", "messages": [{"role": "user", "content": EASY}]}
    tool = {"name": "look_up", "input_schema": {"type": "object", "properties": {"place": {"type": "string"}}}}
    counts = [
        await ask(server, {**body, **more}, COUNT)
        for more in ({}, {"system": "Be brief."}, {"tools": [tool]}, {"max_tokens": 5})
    ]
    assert [answer.status_code for answer in counts] == [200] * 4
    assert all(answer.headers["x-router-estimated"] == "true" for answer in counts)
    plain, with_system, with_tool, limited = [answer.json()["input_tokens"] for answer in counts]
    assert 0 < plain < with_system < with_tool
    assert limited == plain
    wrong = await ask(server, {"messages": []}, COUNT)
    assert (wrong.status_code, kind_of(wrong)) == (400, "invalid_request_error")
    assert len(server.ledger_rows()) == rows


# Models.


async def ask_models(server: LiveServer, path: str = "/v1/models", **headers: str) -> httpx.Response:
    async with server.http() as http:
        return await http.get(path, headers=headers)


async def test_the_model_list_is_in_the_shape_of_who_asks(server: LiveServer) -> None:
    openais = (await ask_models(server)).json()
    anthropics = (await ask_models(server, **{"anthropic-version": "2023-06-01"})).json()
    names = [model["id"] for model in openais["data"]]
    assert openais["object"] == "list"
    assert [model["id"] for model in anthropics["data"]] == names
    assert (anthropics["first_id"], anthropics["last_id"], anthropics["has_more"]) == (names[0], names[-1], False)
    assert {model["type"] for model in anthropics["data"]} == {"model"}
    missing = await ask_models(server, "/v1/models/gpt-17", **{"anthropic-version": "2023-06-01"})
    assert (missing.status_code, kind_of(missing)) == (404, "not_found_error")
    assert (await ask_models(server, "/v1/models/gpt-17")).json()["error"]["code"] == "model_not_found"
