"""The bodies that a scripted server sends: chat completions, their streamed pieces, and errors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from router.upstream.scripted.script import Turn

CREATED = 1_700_000_000
"""A fixed Unix time, so that answers repeat byte for byte."""

_PIECES = re.compile(r"\S+\s*|\s+")

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
    for call in message.get("tool_calls", ()):
        yield _chunk(model, {"tool_calls": [{"index": 0} | call]})
    for piece in _PIECES.findall(message["content"] or ""):
        yield _chunk(model, {"content": piece})
    yield _chunk(model, {}, finish_reason=_finish_reason(turn, request))
    if (request.get("stream_options") or {}).get("include_usage"):
        yield _envelope("chat.completion.chunk", model) | {"choices": [], "usage": usage(turn, request)}


def text_completion(turn: Turn, request: Mapping[str, Any], model: str) -> Json:
    """The ``text_completion`` object for a request that does not stream."""
    echoed = str(request.get("prompt")) if request.get("echo") else ""
    choice = _text_choice(echoed + turn.reply, turn.finish_reason)
    return _envelope("text_completion", model) | {"choices": [choice], "usage": usage(turn, request)}


def text_chunks(turn: Turn, request: Mapping[str, Any], model: str) -> Iterator[Json]:
    """The pieces of a streamed ``text_completion``, the usage last where the request asks for it."""
    for piece in _PIECES.findall(turn.reply):
        yield _envelope("text_completion", model) | {"choices": [_text_choice(piece, None)]}
    yield _envelope("text_completion", model) | {"choices": [_text_choice("", turn.finish_reason)]}
    if (request.get("stream_options") or {}).get("include_usage"):
        yield _envelope("text_completion", model) | {"choices": [], "usage": usage(turn, request)}


def error(message: str, *, code: str = "scripted_error") -> Json:
    """An error in OpenAI's shape."""
    return {"error": {"message": message, "type": "scripted_error", "param": None, "code": code}}


def model_list(model: str) -> Json:
    """The answer to ``GET /v1/models``."""
    return {
        "object": "list",
        "data": [{"id": model, "object": "model", "created": CREATED, "owned_by": "scripted"}],
    }


def usage(turn: Turn, request: Mapping[str, Any]) -> Json:
    """Token counts, where a token is a word."""
    asked = sum(len(_text(message).split()) for message in request.get("messages", ()))
    asked += words(request.get("prompt"))
    told = len(turn.reply.split())
    return {"prompt_tokens": asked, "completion_tokens": told, "total_tokens": asked + told}


def words(value: Any) -> int:
    """Words of a text, or of several; tokens count as they are."""
    if isinstance(value, list):
        return sum(words(entry) for entry in value)
    return len(value.split()) if isinstance(value, str) else int(isinstance(value, int))


def _text_choice(text: str, finish_reason: str | None) -> Json:
    return {"text": text, "index": 0, "logprobs": None, "finish_reason": finish_reason}


def _envelope(kind: str, model: str) -> Json:
    return {"id": "chatcmpl-scripted", "object": kind, "created": CREATED, "model": model}


def _chunk(model: str, delta: Json, finish_reason: str | None = None) -> Json:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return _envelope("chat.completion.chunk", model) | {"choices": [choice]}


def _message(turn: Turn, request: Mapping[str, Any]) -> Json:
    if not _calls_a_tool(turn, request):
        return {"role": "assistant", "content": turn.reply}
    arguments = encode({"input": _text(request["messages"][-1])}).decode()
    function = {"name": request["tools"][0]["function"]["name"], "arguments": arguments}
    call = {"id": "call_scripted", "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def _finish_reason(turn: Turn, request: Mapping[str, Any]) -> str:
    return "tool_calls" if _calls_a_tool(turn, request) else turn.finish_reason


def _calls_a_tool(turn: Turn, request: Mapping[str, Any]) -> bool:
    return turn.call_tool and bool(request.get("tools"))


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        texts = (part.get("text") for part in content)
        return " ".join(text for text in texts if isinstance(text, str))
    return content or ""
