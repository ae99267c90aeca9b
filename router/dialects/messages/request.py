"""From the body of a Messages request to a chat request, its body, and what chat completions cannot say."""

from __future__ import annotations

import hashlib
from typing import Any, Literal, get_args

import msgspec
from msgspec import Struct

from router.dialects.base import Asked
from router.dialects.chat_request import decode_json, invalid_field
from router.dialects.messages.tools import chat_tool_choice, chat_tools
from router.dialects.messages.turns import Needs, chat_messages
from router.errors import InvalidRequest
from router.types import ChatRequest, Native

Json = dict[str, Any]

PROTOCOL_HEADERS = ("anthropic-beta", "anthropic-version")
"""The caller's headers that an upstream of the same protocol may be sent."""

MOST_USER_CHARS = 64
"""How long OpenAI lets a ``user`` be; a SHA-256 in hex is just as long."""

LOW_BUDGET, MEDIUM_BUDGET = 2048, 8192
"""Tokens of thinking up to which a budget counts as a low or a medium effort."""

_EFFORTS = {"low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}


_Role = Literal["user", "assistant", "system"]


class _Turn(Struct):
    role: _Role
    content: str | list[Json]


class _Request(Struct, kw_only=True):
    """The types of the fields that are read here."""

    messages: list[_Turn]
    max_tokens: int | None = None
    model: str = "auto"
    system: str | list[Json] | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop_sequences: list[str] | None = None
    tools: list[Json] | None = None
    tool_choice: Json | None = None
    metadata: Json | None = None
    thinking: Json | None = None
    output_config: Json | None = None
    output_format: Json | None = None


_typed = msgspec.json.Decoder(_Request)


def parse_messages(body: bytes, *, headers: dict[str, str], max_messages: int, answered: bool = True) -> Asked:
    """Understand the body of ``POST /v1/messages``.

    Args:
        body: as it came.
        headers: the protocol's headers that the request carried.
        max_messages: most turns that a conversation may have.
        answered: whether it is to be answered, and so must say ``max_tokens``; not where its tokens are only counted.

    Raises:
        InvalidRequest: not JSON, wrong types, no messages, too many messages; ``param`` names the field.
    """
    raw = decode_json(body)
    try:
        request = _typed.decode(body)
    except msgspec.ValidationError as error:
        raise invalid_field(str(error), roles=get_args(_Role)) from None
    _check(request, max_messages, answered=answered)
    needs: Needs = set()
    chat = _chat_body(request, raw, needs)
    if raw.get("mcp_servers"):
        needs.add("mcp")
    if raw.get("container"):
        needs.add("container")
    native = Native(dialect="messages", body=_as_anthropics(raw), headers=headers, needs=tuple(sorted(needs)))
    return Asked(msgspec.convert(chat, ChatRequest), chat, native)


def _check(request: _Request, max_messages: int, *, answered: bool) -> None:
    if answered and request.max_tokens is None:
        raise InvalidRequest("'max_tokens' is required.", param="max_tokens")
    if not request.messages:
        raise InvalidRequest("'messages' must hold at least one message.", param="messages")
    if len(request.messages) > max_messages:
        sentence = f"'messages' holds {len(request.messages)} messages; at most {max_messages} are accepted."
        raise InvalidRequest(sentence, param="messages")
    for position, turn in enumerate(request.messages):
        if turn.role == "user" and not turn.content:
            field = f"messages[{position}].content"
            raise InvalidRequest(f"'{field}': a user message must not be empty.", param=field)


def _chat_body(request: _Request, raw: Json, needs: Needs) -> Json:
    functions = chat_tools(request.tools or [], needs)
    output = request.output_config or {}
    fields: Json = {
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": request.stop_sequences or None,
        "tools": functions or None,
        **chat_tool_choice(request.tool_choice, functions),
        "user": _user_id(request.metadata or {}),
        "reasoning_effort": _effort(request.thinking or {}, output),
        "response_format": _response_format(output.get("format") or request.output_format),
    }
    if request.stream:
        fields |= {"stream": True, "stream_options": {"include_usage": True}}
    chat: Json = {"model": request.model, "messages": chat_messages(request.system, raw["messages"], needs)}
    return chat | {name: value for name, value in fields.items() if value is not None}


def _user_id(metadata: Json) -> str | None:
    """Who asks; by its digest where OpenAI would refuse the name for its length, as it would Claude Code's."""
    user = metadata.get("user_id")
    if not isinstance(user, str):
        return None
    return user if len(user) <= MOST_USER_CHARS else hashlib.sha256(user.encode()).hexdigest()


def _effort(thinking: Json, output: Json) -> str | None:
    budget = thinking.get("budget_tokens")
    if thinking.get("type") == "enabled" and isinstance(budget, int):
        return "low" if budget <= LOW_BUDGET else "medium" if budget <= MEDIUM_BUDGET else "high"
    effort = output.get("effort")
    return _EFFORTS.get(effort) if isinstance(effort, str) else None


def _response_format(wanted: Any) -> Json | None:
    if not isinstance(wanted, dict) or wanted.get("type") != "json_schema":
        return None
    schema = {"name": "answer", "schema": wanted.get("schema"), "strict": True}
    return {"type": "json_schema", "json_schema": schema}


def _as_anthropics(raw: Json) -> Json:
    """The body without what another model said and Anthropic would refuse: unsigned thinking, and blank text."""
    return {**raw, "messages": [own for turn in raw["messages"] if (own := _own(turn)) is not None]}


def _own(turn: Json) -> Json | None:
    """A turn without such blocks; None where it has no others."""
    content = turn["content"]
    if turn["role"] != "assistant" or not isinstance(content, list):
        return turn
    own = [block for block in content if not _is_foreign(block)]
    if len(own) == len(content):
        return turn
    return {**turn, "content": own} if own else None


def _is_foreign(block: Json) -> bool:
    if block.get("type") == "thinking":
        return not block.get("signature")
    text = block.get("text")
    return block.get("type") == "text" and isinstance(text, str) and not text.strip()
