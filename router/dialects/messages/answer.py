"""From a whole chat completion to a message."""

from __future__ import annotations

from typing import Any

import msgspec

from router.dialects.base import untellable
from router.dialects.messages.wording import message_id, stop_of, tool_use_id, usage_of
from router.errors import UNREADABLE_JSON

Json = dict[str, Any]

INVALID_INPUT = "INVALID_JSON"
"""The field under which Anthropic wants to see a tool's input that is no JSON object."""

NOT_AS_IT_SHOULD = (*UNREADABLE_JSON, LookupError, TypeError, AttributeError, ValueError)
"""What reading an answer may raise that is none, or has other types in it than it should."""

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def message_of(answer: bytes, *, shows_reasoning: bool, stop_sequences: list[str]) -> Json:
    """The message that says what a ``chat.completion`` says.

    Args:
        answer: the JSON body; of several choices the first is told.
        shows_reasoning: whether the caller asked for thinking, so that a model's reasoning may be shown.
        stop_sequences: those of the request.

    Raises:
        UpstreamBroken: it is no chat completion, or holds no answer.
    """
    try:
        completion = _decode(answer)
        choice = completion["choices"][0]
        message = choice["message"]
        blocks = _blocks(message, shows_reasoning=shows_reasoning)
        calls_tools = any(block["type"] == "tool_use" for block in blocks)
        reason, sequence = stop_of(choice, calls_tools=calls_tools, stop_sequences=stop_sequences)
    except NOT_AS_IT_SHOULD:
        raise untellable("it is no chat completion") from None
    return {
        "id": message_id(completion.get("id")),
        "type": "message",
        "role": "assistant",
        "model": completion.get("model") or "",
        "content": blocks,
        "stop_reason": reason,
        "stop_sequence": sequence,
        "usage": usage_of(completion.get("usage")),
    }


def _blocks(message: Json, *, shows_reasoning: bool) -> list[Json]:
    blocks = thinking_blocks(message, shows_reasoning=shows_reasoning)
    for text in (text_of(message.get("content")), text_of(message.get("refusal"))):
        if text:
            blocks.append({"type": "text", "text": text})
    return blocks + [_tool_use(call) for call in message.get("tool_calls") or ()]


def reasoning_of(message: Json) -> str:
    """The text of a model's reasoning, in either of the fields that servers use; of a message or of a delta."""
    for name in ("reasoning_content", "reasoning"):
        if isinstance(text := message.get(name), str) and text:
            return text
    return ""


def text_of(content: Any) -> str:
    """The text of a content that is a text or a list of parts; nothing of null.

    Raises:
        TypeError: it is anything else.
    """
    if isinstance(content, list):
        return "".join(part["text"] for part in content if part.get("type") == "text")
    if isinstance(content, str | None):
        return content or ""
    raise TypeError("neither a text nor a list of parts")


def thinking_blocks(message: Json, *, shows_reasoning: bool) -> list[Json]:
    """Anthropic's own blocks where there are any, since their signatures must come back; else what was reasoned."""
    reasoning = reasoning_of(message)
    blocks = [dict(block) for block in message.get("thinking_blocks") or ()]
    if not blocks:
        return [{"type": "thinking", "thinking": reasoning, "signature": ""}] if reasoning and shows_reasoning else []
    bare = [block for block in blocks if block.get("type") == "thinking"]
    if bare and not any(block.get("thinking") for block in bare):
        # Folded from a stream, whose signatures come after the text that they sign.
        bare[0]["thinking"] = reasoning
    return blocks


def _tool_use(call: Json) -> Json:
    function = call["function"]
    return {
        "type": "tool_use",
        "id": tool_use_id(call.get("id")),
        "name": function["name"],
        "input": _input(function.get("arguments")),
    }


def _input(arguments: Any) -> Json:
    if isinstance(arguments, dict):  # some servers do not write them out
        return arguments
    if not arguments or not arguments.strip():
        return {}
    try:
        return _decode(arguments)
    except UNREADABLE_JSON:
        return {INVALID_INPUT: arguments}
