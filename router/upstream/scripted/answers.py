"""The bodies that a scripted server sends: chat completions, their streamed pieces, and errors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from router.upstream.scripted.script import Turn

CREATED = 1_700_000_000
"""A fixed Unix time, so that answers repeat byte for byte."""

PIECES = re.compile(r"\S+\s*|\s+")
"""A stream is cut after words."""

Json = dict[str, Any]


def encode(value: Any) -> bytes:
    """JSON as the wire carries it."""
    return msgspec.json.encode(value)


def completion(turn: Turn, request: Mapping[str, Any], model: str) -> Json:
    """The ``chat.completion`` object for a request that does not stream."""
    choice = {"index": 0, "message": _message(turn, request), "finish_reason": _finish_reason(turn, request)}
    return _envelope("chat.completion", model) | {"choices": [choice], "usage": usage(turn, request)}


def chunks(turn: Turn, request: Mapping[str, Any], model: str) -> Iterator[Json]:
    """The ``chat.completion.chunk`` objects of a stream, the usage last where the request asks for it."""
    message = _message(turn, request)
    yield _chunk(model, {"role": "assistant", "content": ""})
    for piece in PIECES.findall(turn.thinking):
        yield _chunk(model, {"reasoning_content": piece})
    for call in message.get("tool_calls", ()):
        yield _chunk(model, {"tool_calls": [{"index": 0} | call]})
    for piece in PIECES.findall(message["content"] or ""):
        yield _chunk(model, {"content": piece})
    yield _chunk(model, {}, finish_reason=_finish_reason(turn, request))
    if (request.get("stream_options") or {}).get("include_usage"):
        yield _envelope("chat.completion.chunk", model) | {"choices": [], "usage": usage(turn, request)}


def error(message: str, *, code: str = "scripted_error", status: int = 500) -> Json:
    """An error in OpenAI's shape, which does not say its status."""
    return {"error": {"message": message, "type": "scripted_error", "param": None, "code": code}}


def event(payload: Json) -> bytes:
    """A chunk as an event of a stream."""
    return b"data: " + encode(payload) + b"\n\n"


END = b"data: [DONE]\n\n"
"""What follows the last chunk."""


def model_list(model: str) -> Json:
    """The answer to ``GET /v1/models``."""
    return {
        "object": "list",
        "data": [{"id": model, "object": "model", "created": CREATED, "owned_by": "scripted"}],
    }


def usage(turn: Turn, request: Mapping[str, Any]) -> Json:
    """Token counts, where a token is a word."""
    asked = sum(len(text_of(message).split()) for message in request.get("messages", ()))
    told = len(turn.reply.split())
    details = {"cached_tokens": turn.cached_tokens, "cache_creation_tokens": turn.cache_written_tokens}
    known = {"prompt_tokens_details": details} if any(details.values()) else {}
    return {"prompt_tokens": asked, "completion_tokens": told, "total_tokens": asked + told} | known


def _envelope(kind: str, model: str) -> Json:
    return {"id": "chatcmpl-scripted", "object": kind, "created": CREATED, "model": model}


def _chunk(model: str, delta: Json, finish_reason: str | None = None) -> Json:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return _envelope("chat.completion.chunk", model) | {"choices": [choice]}


def _message(turn: Turn, request: Mapping[str, Any]) -> Json:
    thinking = {"reasoning_content": turn.thinking} if turn.thinking else {}
    if not calls_a_tool(turn, request):
        return {"role": "assistant", "content": turn.reply} | thinking
    arguments = encode({"input": text_of(request["messages"][-1])}).decode()
    function = {"name": request["tools"][0]["function"]["name"], "arguments": arguments}
    call = {"id": "call_scripted", "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call]} | thinking


def _finish_reason(turn: Turn, request: Mapping[str, Any]) -> str:
    return "tool_calls" if calls_a_tool(turn, request) else turn.finish_reason


def calls_a_tool(turn: Turn, request: Mapping[str, Any]) -> bool:
    """Whether the answer is a call of the first tool that the request offers."""
    return turn.call_tool and bool(request.get("tools"))


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a message."""
    content = message.get("content")
    if isinstance(content, list):
        texts = (part.get("text") for part in content)
        return " ".join(text for text in texts if isinstance(text, str))
    return content or ""
