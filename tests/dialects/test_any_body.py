"""Whatever JSON comes, from a caller or from a model: it is understood or refused, and never an accident of ours."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.dialects import COMPLETIONS, EMBEDDINGS, RESPONSES, Dialect
from router.dialects.completions import of_chat, to_chat
from router.errors import InvalidRequest, UpstreamBroken

ASKED = (
    "input",
    "prompt",
    "model",
    "instructions",
    "tools",
    "tool_choice",
    "text",
    "format",
    "type",
    "name",
    "content",
)
ASKED += (
    "role",
    "reasoning",
    "include",
    "summary",
    "encrypted_content",
    "output",
    "call_id",
    "arguments",
    "stream",
    "n",
)
WORDS = (
    "message",
    "user",
    "assistant",
    "input_text",
    "text",
    "function",
    "custom",
    "function_call",
    "reasoning",
    "auto",
)
WORDS += ("function_call_output", "json_schema", "input_image", "input_file", "refusal", "allowed_tools", "x", "")
TOLD = ("choices", "index", "delta", "message", "content", "refusal", "reasoning_content", "thinking_blocks", "usage")
TOLD += (
    "tool_calls",
    "function",
    "custom",
    "name",
    "arguments",
    "id",
    "finish_reason",
    "logprobs",
    "annotations",
    "model",
)


def json_of(names: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """JSON whose objects have these names more often than not, and whose texts are often words of the protocol."""
    leaf = st.none() | st.booleans() | st.integers(-5, 2**33) | st.floats(allow_nan=False) | st.sampled_from(WORDS)
    return st.recursive(
        leaf | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(names), inner, max_size=4),
        max_leaves=12,
    )


@pytest.mark.parametrize("dialect", [RESPONSES, COMPLETIONS, EMBEDDINGS], ids=lambda dialect: type(dialect).__name__)
@given(body=st.dictionaries(st.sampled_from(ASKED), json_of(ASKED), max_size=6), given_text=st.booleans())
def test_any_request_is_understood_or_refused(dialect: Dialect, body: dict[str, Any], *, given_text: bool) -> None:
    if given_text:
        body |= {"input": "Hi.", "prompt": "Hi."}
    try:
        asked = dialect.parse(json.dumps(body).encode(), headers={}, max_messages=5)
    except InvalidRequest:
        return
    if dialect is RESPONSES:
        json.loads(dialect.whole(b'{"choices": [{"message": {"content": "Hi."}}]}', asked))
    if dialect is COMPLETIONS:
        with contextlib.suppress(InvalidRequest):
            assert to_chat(asked.body)["messages"]


@given(chunks=st.lists(st.dictionaries(st.sampled_from(TOLD), json_of(TOLD), max_size=4), max_size=3))
def test_any_answer_is_told_or_known_to_be_broken(chunks: list[dict[str, Any]]) -> None:
    asked = RESPONSES.parse(b'{"input": "Hi."}', headers={}, max_messages=5)
    stream = RESPONSES.stream(asked)
    for chunk in chunks:
        payload = json.dumps(chunk).encode()
        for tell in (lambda told: RESPONSES.whole(told, asked), of_chat, stream.feed):
            with contextlib.suppress(UpstreamBroken):
                assert isinstance(tell(payload), bytes)


@given(
    delta=st.dictionaries(st.sampled_from(TOLD), json_of(TOLD), max_size=5),
    finish=st.sampled_from(["stop", "length", "tool_calls", "new"]),
)
def test_any_delta_is_told_or_known_to_be_broken(delta: dict[str, Any], finish: str) -> None:
    stream = RESPONSES.stream(RESPONSES.parse(b'{"input": "Hi."}', headers={}, max_messages=5))
    choice = {"delta": delta, "finish_reason": finish, "index": 0}
    with contextlib.suppress(UpstreamBroken):
        stream.feed(json.dumps({"choices": [choice]}).encode())
        assert stream.end().endswith(b"\n\n")
