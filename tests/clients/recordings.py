"""One answer of a model as it came over the wire, whole and in chunks: reasoning, a sentence, two tool calls."""

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]

TEXT = "I look at both."
REASONING = "Two cities, two calls."
CITIES = ("Paris", "Oslo")
USAGE: Json = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 60},
    "completion_tokens_details": {"reasoning_tokens": 7},
}

_ENVELOPE = {"id": "chatcmpl-7", "created": 1_700_000_000, "model": "recorded-model"}


def _call(city: str, arguments: str) -> Json:
    return {"id": f"call_{city}", "type": "function", "function": {"name": "weather", "arguments": arguments}}


def _chunk(delta: Json, finish_reason: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return json.dumps({**_ENVELOPE, "object": "chat.completion.chunk", "choices": [choice]})


def _piece(index: int, arguments: str) -> Json:
    return {"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}


WHOLE = json.dumps(
    {
        **_ENVELOPE,
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "reasoning_content": REASONING,
                    "content": TEXT,
                    "tool_calls": [_call(city, json.dumps({"city": city})) for city in CITIES],
                },
                "logprobs": None,
                "finish_reason": "tool_calls",
            }
        ],
        "usage": USAGE,
    }
)

CHUNKS = [
    _chunk({"role": "assistant", "content": ""}),
    _chunk({"reasoning_content": REASONING[:9]}),
    _chunk({"reasoning_content": REASONING[9:]}),
    _chunk({"content": TEXT[:6]}),
    _chunk({"content": TEXT[6:]}),
    # The pieces of the two calls come in turns.
    _chunk({"tool_calls": [{"index": 0, **_call("Paris", "")}]}),
    _chunk(_piece(0, '{"city"')),
    _chunk({"tool_calls": [{"index": 1, **_call("Oslo", "")}]}),
    _chunk(_piece(1, '{"city": "')),
    _chunk(_piece(0, ': "Paris"}')),
    _chunk(_piece(1, 'Oslo"}')),
    _chunk({}, "tool_calls"),
    json.dumps({**_ENVELOPE, "object": "chat.completion.chunk", "choices": [], "usage": USAGE}),
]

SCHEMA: Json = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
