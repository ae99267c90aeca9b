"""An answer of Anthropic's turned into a chat completion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from router.upstream.anthropic.wire import Ending, Message

Json = dict[str, Any]

THOUGHTS = frozenset({"thinking", "redacted_thinking"})

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def completion(message: Message, *, created: int) -> Json:
    """The ``chat.completion`` that says the same as a ``message``.

    Args:
        message: the answer.
        created: Unix time of the answer, of which the protocol says nothing.
    """
    choice = {"index": 0, "message": _message(message), "logprobs": None, **ending(message)}
    whole = {"choices": [choice], "usage": usage(message.usage or {})}
    return envelope("chat.completion", message, created) | whole


def envelope(kind: str, message: Message, created: int) -> Json:
    """The fields around the choices of a whole answer or of a chunk."""
    return {"id": message.id, "object": kind, "created": created, "model": message.model}


def ending(end: Message | Ending) -> Json:
    """The finish reason of a choice, and the stop sequence that it met."""
    reason = end.stop_reason
    found: Json = {"finish_reason": None if reason is None else _FINISH.get(reason, "stop")}
    if end.stop_sequence is not None:
        found["stop_sequence"] = end.stop_sequence
    return found


def refusal(end: Message | Ending) -> Any:
    """Why the model refused, in its words, where it did and says so."""
    return end.stop_details.get("explanation") if end.stop_reason == "refusal" and end.stop_details else None


def usage(counted: Mapping[str, Any]) -> Json:
    """OpenAI's ``usage``, whose prompt tokens are all of them: those from and for the prompt cache are counted in."""
    read, written = _count(counted, "cache_read_input_tokens"), _count(counted, "cache_creation_input_tokens")
    prompt, answer = _count(counted, "input_tokens") + read + written, _count(counted, "output_tokens")
    thoughts = counted.get("output_tokens_details")
    reasoning = _count(thoughts, "thinking_tokens") if isinstance(thoughts, dict) else 0
    kept = counted.get("cache_creation")
    longer = _count(kept, "ephemeral_1h_input_tokens") if isinstance(kept, dict) else 0
    told: Json = {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
        "prompt_tokens_details": {"cached_tokens": read, "cache_creation_tokens": written}
        | ({"cache_creation_1h_tokens": longer} if longer else {}),
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
    if (tier := _tier(counted)) is not None:
        told["service_tier"] = tier
    return told


def _tier(counted: Mapping[str, Any]) -> str | None:
    """The tier in which it was answered, where that is not the ordinary one: prices hang on it."""
    for name in ("speed", "service_tier"):
        tier = counted.get(name)
        if isinstance(tier, str) and tier != "standard":
            return tier
    return None


def _count(counted: Mapping[str, Any], name: str) -> int:
    value = counted.get(name)
    return value if isinstance(value, int) and value > 0 else 0


def _message(message: Message) -> Json:
    blocks = message.content or []
    texts = [block["text"] for block in blocks if block.get("type") == "text" and isinstance(block.get("text"), str)]
    thoughts = [block for block in blocks if block.get("type") in THOUGHTS]
    calls = [_call(block) for block in blocks if block.get("type") == "tool_use"]
    made: Json = {"role": "assistant", "content": "".join(texts) if texts or not calls else None}
    if (refused := refusal(message)) is not None:
        made["refusal"] = refused
    if thoughts:
        made["reasoning_content"] = "".join(str(block.get("thinking", "")) for block in thoughts)
        made["thinking_blocks"] = thoughts
    if calls:
        made["tool_calls"] = calls
    return made


def _call(block: Json) -> Json:
    arguments = msgspec.json.encode(block.get("input") or {}).decode()
    function = {"name": block.get("name"), "arguments": arguments}
    return {"id": block.get("id"), "type": "function", "function": function}
