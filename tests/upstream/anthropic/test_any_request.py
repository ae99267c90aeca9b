"""Whatever a chat request holds, it becomes a messages request or an error of the caller's: never a fault of ours."""

import contextlib
import itertools
import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as some

from router.dialects.chat_request import parse_chat_request
from router.errors import InvalidRequest
from router.upstream.anthropic.fit import fit
from router.upstream.anthropic.models import claude
from router.upstream.anthropic.request import messages_request

MODELS = ["claude-3-haiku-20240307", "claude-haiku-4-5", "claude-opus-4-6", "claude-opus-5-5", "another"]
JSON = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(-5, 9999)
    | some.sampled_from(["", "auto", "x", "enabled", "tool_use"]),
    lambda inner: (
        some.lists(inner, max_size=3)
        | some.dictionaries(some.sampled_from(["type", "name", "function", "text", "url", "budget_tokens"]), inner)
    ),
    max_leaves=6,
)
KINDS = ["text", "image_url", "file", "refusal", "document", "input_audio", "output_text"]
PART = some.fixed_dictionaries(
    {"type": some.sampled_from(KINDS)},
    optional=dict.fromkeys(["text", "image_url", "file", "refusal", "cache_control"], JSON),
)
MESSAGE = some.fixed_dictionaries(
    {"role": some.sampled_from(["system", "developer", "user", "assistant", "tool", "function"])},
    optional={
        "content": JSON | some.lists(PART, max_size=3),
        **dict.fromkeys(["tool_calls", "thinking_blocks", "refusal", "function_call", "tool_call_id", "name"], JSON),
        "tool_calls": some.lists(some.dictionaries(some.sampled_from(["id", "function", "type"]), JSON), max_size=2),
    },
)
FIELDS = """
tools tool_choice functions function_call parallel_tool_calls stop max_tokens max_completion_tokens user thinking
temperature top_p top_k response_format reasoning_effort service_tier cache_control n output_config
""".split()
CHAT = some.fixed_dictionaries(
    {"messages": some.lists(MESSAGE, min_size=1, max_size=4)}, optional=dict.fromkeys(FIELDS, JSON)
)


@settings(max_examples=150, deadline=None)
@given(chat=CHAT, model=some.sampled_from(MODELS))
def test_any_chat_request_that_is_taken_can_be_turned_into_a_messages_request(chat: dict[str, Any], model: str) -> None:
    abilities = claude(model)
    with contextlib.suppress(InvalidRequest):
        _, body = parse_chat_request(json.dumps(chat).encode(), max_messages=9)
        made = fit(messages_request(body, abilities), abilities)
        msgspec.json.encode(made)
        assert made["messages"]
        roles = [message["role"] for message in made["messages"]]
        assert all(first != second for first, second in itertools.pairwise(roles))


@settings(max_examples=100, deadline=None)
@given(body=some.dictionaries(some.sampled_from(["messages", *FIELDS]), JSON), model=some.sampled_from(MODELS))
def test_any_messages_request_can_be_made_to_fit(body: dict[str, Any], model: str) -> None:
    msgspec.json.encode(fit(body, claude(model)))
