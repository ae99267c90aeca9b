"""Whatever a stranger sends, and whatever a model says, ends in an answer or in an error that is meant."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.dialects import CHAT, MESSAGES
from router.errors import InvalidRequest, UpstreamBroken
from router.types import ChatRequest

Json = dict[str, Any]

WORDS = st.sampled_from(
    [
        *("text", "image", "document", "tool_use", "tool_result", "thinking", "redacted_thinking", "search_result"),
        *("base64", "url", "file", "content", "user", "assistant", "system", "enabled", "auto", "any", "tool", "none"),
        *("web_search_20250305", "custom", "json_schema", "stop", "x", ""),
    ]
)
NAMES = st.sampled_from(
    [
        *("type", "role", "content", "text", "source", "data", "media_type", "url", "id", "name", "input", "title"),
        *("tool_use_id", "is_error", "signature", "thinking", "input_schema", "budget_tokens", "user_id", "format"),
        *("schema", "effort", "citations", "enabled", "context", "cache_control", "strict", "description", "caller"),
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    [
        *("model", "system", "messages", "max_tokens", "stream", "temperature", "top_p", "top_k", "stop_sequences"),
        *("tools", "tool_choice", "metadata", "thinking", "output_config", "output_format", "mcp_servers", "container"),
    ]
)
TURNS = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "system"]), "content": ANYTHING}), max_size=3
)


@settings(max_examples=600, deadline=None)
@given(st.dictionaries(FIELDS, ANYTHING, max_size=6), TURNS | ANYTHING)
def test_any_body_is_understood_or_refused(fields: Json, messages: Any) -> None:
    body = json.dumps({"max_tokens": 5, "messages": messages, **fields}).encode()
    with contextlib.suppress(InvalidRequest):
        asked = MESSAGES.parse(body, headers={}, max_messages=3)
        # What is sent on is a chat request of the form that the chat dialect asks of its own callers' types.
        assert msgspec.convert(asked.body, ChatRequest) == asked.request
        assert asked.request.messages
        json.dumps(asked.body)
        for made in (MESSAGES.whole, CHAT.whole):
            made(b'{"choices": [{"message": {"content": "Hi."}, "finish_reason": "stop"}]}', asked)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        MESSAGES.parse(body, headers={}, max_messages=3)


SAID = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5) | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("content", "role", "refusal", "reasoning_content", "reasoning", "thinking_blocks", "tool_calls"),
                    *("function", "name", "arguments", "id", "index", "type", "text", "signature", "thinking", "data"),
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=600, deadline=None)
@given(st.lists(SAID, max_size=4), SAID, SAID)
def test_any_answer_is_told_or_is_an_upstreams_failure(deltas: list[Any], usage: Any, reason: Any) -> None:
    asked = MESSAGES.parse(
        b'{"max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}', headers={}, max_messages=3
    )
    for message in deltas:
        answer = {"choices": [{"message": message, "finish_reason": reason}], "usage": usage, "id": usage}
        with contextlib.suppress(UpstreamBroken):
            json.loads(MESSAGES.whole(json.dumps(answer).encode(), asked))
    stream = MESSAGES.stream(asked)
    with contextlib.suppress(UpstreamBroken):
        for delta in deltas:
            stream.feed(json.dumps({"choices": [{"delta": delta, "finish_reason": reason}], "usage": usage}).encode())
        stream.end()
