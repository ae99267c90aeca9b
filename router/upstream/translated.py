"""Requests that were translated into chat, in the words of chat that their provider knows.

A caller who speaks chat chose their words for their model: those pass as they are, but for what other models than the
one asked left in the conversation: signed thoughts, and ids of calls. A translator has to choose without
knowing the model. Of the limit on an answer's length, OpenAI's newest models take only the new name; Mistral refuses
it, Ollama does not heed it (its issue 7125). Of what was thought in earlier turns, DeepSeek, Moonshot and servers of
open models read ``reasoning_content``, some insist on it; strict providers refuse a message with a field that they do
not know.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from router.types import Native

STRICT = frozenset({"openai", "azure", "groq", "mistral", "cerebras"})
"""Providers that refuse unknown fields of messages, by id."""

SHORT_CALL_IDS = frozenset({"mistral"})
"""Providers that want a tool call's id to be nine letters or digits, also where another model made the call."""

_SHORT_CALL_ID = re.compile(r"[a-zA-Z0-9]{9}")

HINTS = frozenset({"prompt_cache_key", "safety_identifier", "verbosity"})
"""Fields without which the same is asked, that of the strict providers only OpenAI and Azure know."""

REFUSED_HINTS = dict.fromkeys(STRICT - {"openai", "azure"}, HINTS) | {"mistral": HINTS | {"user"}}
"""What is left out, by provider."""

NEW_LIMIT = frozenset({"openai", "azure", "openrouter", "groq", "cerebras", "x-ai"})
"""Providers that take ``max_completion_tokens``; it is ``max_tokens`` for all others."""


def fit_translated(body: Mapping[str, Any], native: Native | None, provider: str | None) -> Mapping[str, Any]:
    """The chat request as its receiver takes it.

    Args:
        body: the chat request.
        native: the request as it came; None where it came as chat.
        provider: who receives it.
    """
    if provider in SHORT_CALL_IDS:
        body = _with_short_call_ids(body)
    if native is None:
        return _without_signed_thoughts(body) if provider in STRICT else body
    body = _with_fit_results(_with_fit_thoughts(_without_hints(body, provider), provider))
    return _with_fit_limit(body, provider)


def _with_short_call_ids(body: Mapping[str, Any]) -> Mapping[str, Any]:
    messages = body.get("messages") or ()
    if all(_SHORT_CALL_ID.fullmatch(call_id) for message in messages for call_id in _call_ids(message)):
        return body
    kept = []
    for message in messages:
        short = dict(message)
        if isinstance(message.get("tool_call_id"), str):
            short["tool_call_id"] = _short(message["tool_call_id"])
        if message.get("tool_calls"):
            short["tool_calls"] = [
                {**call, "id": _short(call["id"])} if isinstance(call.get("id"), str) else call
                for call in message["tool_calls"]
            ]
        kept.append(short)
    return {**body, "messages": kept}


def _call_ids(message: Mapping[str, Any]) -> Iterator[str]:
    named = (message.get("tool_call_id"), *(call.get("id") for call in message.get("tool_calls") or ()))
    return (call_id for call_id in named if isinstance(call_id, str))


def _short(call_id: str) -> str:
    """The same for the same id, so that a result still names its call."""
    return call_id if _SHORT_CALL_ID.fullmatch(call_id) else hashlib.sha256(call_id.encode()).hexdigest()[:9]


def _with_fit_results(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Images and files that a tool gave, in a message after the results: chat takes nothing but text in these."""
    messages = body.get("messages") or ()
    if not any(message["role"] == "tool" and _media_of(message) for message in messages):
        return body
    kept: list[Mapping[str, Any]] = []
    waiting: list[Any] = []
    for message in messages:
        if message["role"] != "tool" and waiting:
            kept.append({"role": "user", "content": waiting})
            waiting = []
        media = _media_of(message) if message["role"] == "tool" else []
        if not media:
            kept.append(message)
            continue
        texts = [part["text"] for part in message["content"] if part.get("type") == "text"]
        kept.append({**message, "content": "\n".join(texts)})
        heading = f"The tool call {message.get('tool_call_id')} also returned:"
        waiting += [{"type": "text", "text": heading}, *media]
    if waiting:
        kept.append({"role": "user", "content": waiting})
    return {**body, "messages": kept}


def _media_of(message: Mapping[str, Any]) -> list[Any]:
    content = message.get("content")
    return [part for part in content if part.get("type") != "text"] if isinstance(content, list) else []


def _without_signed_thoughts(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Turns that Claude answered here come back with what it thought, in words of ours that no caller chose."""
    messages = body.get("messages") or ()
    if not any(message.get("thinking_blocks") for message in messages):
        return body
    ours = {"thinking_blocks", "reasoning_content"}
    kept = [
        {name: value for name, value in message.items() if name not in ours}
        if message.get("thinking_blocks")
        else message
        for message in messages
    ]
    return {**body, "messages": kept}


def _without_hints(body: Mapping[str, Any], provider: str | None) -> Mapping[str, Any]:
    refused = REFUSED_HINTS.get(provider or "", frozenset())
    return body if refused.isdisjoint(body) else {name: body[name] for name in body if name not in refused}


def _with_fit_limit(body: Mapping[str, Any], provider: str | None) -> Mapping[str, Any]:
    name, other = "max_tokens", "max_completion_tokens"
    if provider in NEW_LIMIT:
        name, other = other, name
    if other not in body:
        return body
    rest = {field: value for field, value in body.items() if field != other}
    return {name: body[other], **rest}


def _with_fit_thoughts(body: Mapping[str, Any], provider: str | None) -> Mapping[str, Any]:
    # Signed blocks are Anthropic's alone.
    refused = {"thinking_blocks"} | ({"reasoning_content"} if provider in STRICT else set())
    messages = body.get("messages") or ()
    if not any(field in message for message in messages for field in refused):
        return body
    kept = [{name: value for name, value in message.items() if name not in refused} for message in messages]
    return {**body, "messages": kept}
