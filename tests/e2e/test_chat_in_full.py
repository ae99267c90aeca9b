"""Whatever chat completions may hold goes to the model as it came, and comes back as it was said."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.live import LiveServer, live_server
from tests.recorded import RecordedServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASK: dict[str, Any] = {"role": "user", "content": "Hello"}
PIXEL = "data:image/png;base64,iVBORw0KGgo="
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
CALLS = [
    {"id": f"call_{city}", "type": "function", "function": {"name": "weather", "arguments": f'{{"city": "{city}"}}'}}
    for city in ("Paris", "Oslo")
]
SCHEMA = {"name": "answer", "strict": True, "schema": {"type": "object", "properties": {}, "required": []}}
NAMED = {"type": "function", "function": {"name": "weather"}}

FEATURES: dict[str, dict[str, Any]] = {
    "tools": {"tools": [TOOL], "tool_choice": "auto", "parallel_tool_calls": True},
    "a tool that must be called": {"tools": [TOOL], "tool_choice": NAMED},
    "tools in progress": {
        "messages": [
            ASK,
            {"role": "assistant", "content": None, "tool_calls": CALLS},
            {"role": "tool", "tool_call_id": "call_Paris", "content": "18"},
            {"role": "tool", "tool_call_id": "call_Oslo", "content": [{"type": "text", "text": "9"}]},
        ],
        "tools": [TOOL],
    },
    "the old form of tools": {"functions": [TOOL["function"]], "function_call": "auto"},
    "JSON mode": {"response_format": {"type": "json_object"}},
    "a JSON schema": {"response_format": {"type": "json_schema", "json_schema": SCHEMA}},
    "vision": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}},
                ],
            }
        ]
    },
    "audio": {
        "messages": [
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}]}
        ],
        "modalities": ["text", "audio"],
        "audio": {"voice": "alloy", "format": "wav"},
    },
    "a file": {
        "messages": [
            {"role": "user", "content": [{"type": "file", "file": {"filename": "a.pdf", "file_data": "data:,x"}}]}
        ]
    },
    "several answers": {"n": 3},
    "log probabilities": {"logprobs": True, "top_logprobs": 5},
    "sampling": {
        "seed": 7,
        "temperature": 0.25,
        "top_p": 0.5,
        "presence_penalty": -1.5,
        "frequency_penalty": 0.5,
        "logit_bias": {"50256": -100},
    },
    "stop": {"stop": ["\n", "END"]},
    "one stop": {"stop": "END"},
    "limits": {"max_completion_tokens": 123},
    "the old limit": {"max_tokens": 123},
    "reasoning": {"reasoning_effort": "high", "verbosity": "low"},
    "reasoning as others spell it": {
        "reasoning": {"effort": "high", "exclude": False},
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "chat_template_kwargs": {"enable_thinking": False},
    },
    "a developer's message": {"messages": [{"role": "developer", "content": "Be brief.", "name": "ops"}, ASK]},
    "a model's own reasoning": {
        "messages": [
            ASK,
            {"role": "assistant", "content": "Hi.", "reasoning_content": "They greet.", "refusal": None},
            {"role": "user", "content": "And you?", "cache_control": {"type": "ephemeral"}},
        ]
    },
    "what the provider is told of the caller": {
        "user": "u-1",
        "metadata": {"team": "a"},
        "service_tier": "flex",
        "safety_identifier": "s-1",
        "prompt_cache_key": "p-1",
        "store": True,
    },
    "a prediction": {"prediction": {"type": "content", "content": "Hello"}},
    "a search": {"web_search_options": {"search_context_size": "low"}},
    "fields that nobody knows": {"x_custom": {"deep": [1, 2.5, None, True, "é\u2028"]}, "another": 1e-9},
}

ANSWER = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m-2026",
        "service_tier": "flex",
        "system_fingerprint": "fp",
        "choices": [
            {
                "index": index,
                "message": {
                    "role": "assistant",
                    "content": "é\u2028",
                    "refusal": None,
                    "annotations": [],
                    "reasoning_content": "Hm.",
                    "tool_calls": CALLS,
                    "audio": {"id": "a", "data": "UklGRg==", "transcript": "t", "expires_at": 1},
                },
                "logprobs": {"content": [{"token": "é", "logprob": -0.5, "bytes": [195], "top_logprobs": []}]},
                "finish_reason": "tool_calls",
            }
            for index in range(3)
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "prompt_tokens_details": {"x": 1}},
        "unknown": {"kept": 1.0},
    },
    indent=1,  # so that writing it anew would show
)


def chunk(delta: dict[str, Any], **choice: Any) -> str:
    told = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None, **choice}
    return json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [told]})


EVENTS = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"reasoning_content": "Hm."}),
    chunk({"content": "é\u2028"}, logprobs={"content": [{"token": "é"}]}),
    chunk({"content": "other"}, index=1),
    chunk({"tool_calls": [{"index": 0, **CALLS[0]}, {"index": 1, **CALLS[1]}]}),
    chunk({"tool_calls": [{"index": 1, "function": {"arguments": " "}}]}, unknown=[1.0]),
    chunk({}, finish_reason="tool_calls"),
    chunk({}, index=1, finish_reason="stop"),
    json.dumps({"id": "c", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def upstream() -> AsyncIterator[RecordedServer]:
    async with RecordedServer(answer=ANSWER, events=EVENTS) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory, upstream: RecordedServer) -> AsyncIterator[LiveServer]:
    upstreams = ["--weak-url", upstream.base_url, "--weak-model", "weak-model"]
    async with live_server(tmp_path_factory.mktemp("home"), *upstreams) as running:
        yield running


@pytest.mark.parametrize("feature", FEATURES)
async def test_a_request_reaches_the_model_as_it_came_and_its_answer_the_caller(
    server: LiveServer, upstream: RecordedServer, feature: str
) -> None:
    request = {"model": "auto", "messages": [ASK], **FEATURES[feature]}
    async with server.http() as http:
        answer = await http.post("/v1/chat/completions", json=request, headers={"cache-control": "no-cache"})
    assert upstream.asked[-1].body == {**request, "model": "weak-model"}
    assert answer.status_code == 200
    assert answer.text == ANSWER


@pytest.mark.parametrize("feature", FEATURES)
async def test_a_streamed_request_reaches_the_model_as_it_came_and_its_events_the_caller(
    server: LiveServer, upstream: RecordedServer, feature: str
) -> None:
    options = {"include_usage": True, "include_obfuscation": False}
    request = {"model": "auto", "messages": [ASK], **FEATURES[feature], "stream": True, "stream_options": options}
    async with server.http() as http:
        answer = await http.post("/v1/chat/completions", json=request, headers={"cache-control": "no-cache"})
    assert upstream.asked[-1].body == {**request, "model": "weak-model"}
    assert answer.text.split("\n\n") == [f"data: {event}" for event in [*EVENTS, "[DONE]"]] + [""]


async def test_who_asks_for_no_usage_gets_the_other_events_untouched(server: LiveServer) -> None:
    request = {"model": "auto", "messages": [ASK], "stream": True, "n": 2}
    async with server.http() as http:
        answer = await http.post("/v1/chat/completions", json=request)
    assert answer.text.split("\n\n") == [f"data: {event}" for event in [*EVENTS[:-1], "[DONE]"]] + [""]


async def test_numbers_of_any_length_keep_their_digits(server: LiveServer, upstream: RecordedServer) -> None:
    body = b'{"messages": [{"role": "user", "content": "Hi"}], "x": 12345678901234567890123, "n": 2}'
    async with server.http() as http:
        await http.post("/v1/chat/completions", content=body)
    assert upstream.asked[-1].body["x"] == 12345678901234567890123


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/images/generations", "/v1/chat", "/v1/chat/completions/x"])
async def test_an_unknown_address_is_404_in_openais_shape_by_any_method(
    server: LiveServer, method: str, path: str
) -> None:
    async with server.http() as http:
        answer = await http.request(method, path)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_url"
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/chat/completions", "must end with '/v1'"),
        ("/messages", "must end with '/v1'"),
        ("/v1/v1/messages", "has a '/v1' too many"),
        ("/v1/images/generations", None),
        ("/", None),
    ],
)
async def test_a_base_url_that_is_off_by_its_v1_is_told_how(server: LiveServer, path: str, hint: str | None) -> None:
    async with server.http() as http:
        answer = await http.post(path, json={})
    said = answer.json()["error"]["message"]
    assert answer.status_code == 404
    assert (hint in said) if hint else ("base URL" not in said)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/chat/completions"), ("DELETE", "/v1/chat/completions"), ("POST", "/v1/models")]
)
async def test_a_wrong_method_is_405_and_says_the_right_ones(server: LiveServer, method: str, path: str) -> None:
    async with server.http() as http:
        answer = await http.request(method, path)
    assert answer.status_code == 405
    assert answer.json()["error"]["code"] == "method_not_allowed"
    assert answer.headers["allow"]
