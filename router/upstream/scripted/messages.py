"""The same answers in Anthropic's protocol: messages, the events of a streamed one, and errors.

Written after the event types and errors of the Messages API as the official client has them; its client reads them in
the tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from router.upstream.scripted.answers import PIECES, Json, calls_a_tool, encode, text_of
from router.upstream.scripted.script import Turn

SIGNATURE = "c2NyaXB0ZWQ="
"""What vouches for scripted thoughts."""

END = b""
"""A stream ends with its last event."""

_STOP = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal", "tool_calls": "tool_use"}
_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def completion(turn: Turn, request: Mapping[str, Any], model: str) -> Json:
    """The ``message`` object for a request that does not stream."""
    stop = {"stop_reason": _stop_reason(turn, request), "stop_sequence": None}
    return _message(model) | stop | {"content": _blocks(turn, request), "usage": usage(turn, request)}


def chunks(turn: Turn, request: Mapping[str, Any], model: str) -> Iterator[Json]:
    """The events of a stream, in the order of the protocol; a ping is among them, as in life."""
    counted = usage(turn, request)
    started = _message(model) | {"content": [], "stop_reason": None, "usage": counted | {"output_tokens": 1}}
    yield {"type": "message_start", "message": started}
    yield {"type": "ping"}
    for index, block in enumerate(_blocks(turn, request)):
        yield {"type": "content_block_start", "index": index, "content_block": _empty(block)}
        for delta in _deltas(block):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    ending = {"stop_reason": _stop_reason(turn, request), "stop_sequence": None}
    yield {"type": "message_delta", "delta": ending, "usage": {"output_tokens": counted["output_tokens"]}}
    yield {"type": "message_stop"}


def error(message: str, *, code: str = "scripted_error", status: int = 500) -> Json:
    """An error in Anthropic's shape, whose type follows from the status."""
    return {"type": "error", "error": {"type": _ERROR_TYPES.get(status, "api_error"), "message": message}}


def event(payload: Json) -> bytes:
    """An event of a stream, which bears its type as its name."""
    return b"event: " + str(payload["type"]).encode() + b"\ndata: " + encode(payload) + b"\n\n"


def usage(turn: Turn, request: Mapping[str, Any]) -> Json:
    """Token counts, where a token is a word. The three of the prompt are parts that add up to the whole."""
    asked = sum(len(text_of(message).split()) for message in request.get("messages", ()))
    return {
        "input_tokens": max(0, asked - turn.cached_tokens - turn.cache_written_tokens),
        "cache_read_input_tokens": turn.cached_tokens,
        "cache_creation_input_tokens": turn.cache_written_tokens,
        "output_tokens": len(turn.reply.split()),
    }


def _message(model: str) -> Json:
    return {"id": "msg_scripted", "type": "message", "role": "assistant", "model": model, "stop_sequence": None}


def _stop_reason(turn: Turn, request: Mapping[str, Any]) -> str:
    return "tool_use" if calls_a_tool(turn, request) else _STOP.get(turn.finish_reason, turn.finish_reason)


def _blocks(turn: Turn, request: Mapping[str, Any]) -> list[Json]:
    thoughts = [{"type": "thinking", "thinking": turn.thinking, "signature": SIGNATURE}] if turn.thinking else []
    if not calls_a_tool(turn, request):
        return [*thoughts, {"type": "text", "text": turn.reply}]
    arguments = {"input": text_of(request["messages"][-1])}
    call = {"type": "tool_use", "id": "toolu_scripted", "name": request["tools"][0]["name"], "input": arguments}
    return [*thoughts, call]


def _empty(block: Json) -> Json:
    match block["type"]:
        case "thinking":
            return block | {"thinking": "", "signature": ""}
        case "tool_use":
            return block | {"input": {}}
    return block | {"text": ""}


def _deltas(block: Json) -> Iterator[Json]:
    match block["type"]:
        case "thinking":
            for piece in PIECES.findall(block["thinking"]):
                yield {"type": "thinking_delta", "thinking": piece}
            yield {"type": "signature_delta", "signature": block["signature"]}
        case "tool_use":
            arguments = encode(block["input"]).decode()
            yield {"type": "input_json_delta", "partial_json": ""}
            yield {"type": "input_json_delta", "partial_json": arguments[:5]}
            yield {"type": "input_json_delta", "partial_json": arguments[5:]}
        case _:
            for piece in PIECES.findall(block["text"]):
                yield {"type": "text_delta", "text": piece}
