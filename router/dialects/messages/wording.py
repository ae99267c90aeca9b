"""The small vocabularies that both protocols have: why an answer ended, what it took, what went wrong."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

from router.errors import ApiError, UpstreamRefused

Json = dict[str, Any]

_STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}

_OWN_STOP_REASONS = frozenset({"pause_turn", "refusal", "model_context_window_exceeded"})
"""Reasons that chat completions have no word for; an upstream of this protocol may say them beside its own."""

_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}

_UNFIT_FOR_IDS = re.compile(r"[^a-zA-Z0-9_-]")


def stop_of(choice: Json, *, calls_tools: bool, stop_sequences: list[str]) -> tuple[str, str | None]:
    """Why an answer ended, and at which stop sequence if at one.

    Args:
        choice: with its ``finish_reason``; ``stop_sequence``, or vLLM's ``stop_reason``, names what it stopped at.
        calls_tools: whether it calls tools; some servers say ``stop`` all the same.
        stop_sequences: those of the request.
    """
    own = choice.get("stop_reason")
    if isinstance(own, str) and own in _OWN_STOP_REASONS:
        return own, None
    said = choice.get("stop_sequence")
    if isinstance(said, str):
        return "stop_sequence", said
    if isinstance(own, str) and own in stop_sequences:
        return "stop_sequence", own
    finish = choice.get("finish_reason")
    if calls_tools and finish in ("stop", None):
        return "tool_use", None
    return _STOP_REASONS.get(finish, "end_turn") if isinstance(finish, str) else "end_turn", None


def usage_of(usage: Any) -> Json:
    """Anthropic's counts, where tokens that the prompt cache took or gave are none of ``input_tokens``."""
    counts = usage if isinstance(usage, dict) else {}
    details = counts.get("prompt_tokens_details")
    read, written = _count(details, "cached_tokens"), _count(details, "cache_creation_tokens")
    told: Json = {
        "input_tokens": max(0, _count(counts, "prompt_tokens") - read - written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens": _count(counts, "completion_tokens"),
    }
    if thinking := _count(counts.get("completion_tokens_details"), "reasoning_tokens"):
        told["output_tokens_details"] = {"thinking_tokens": thinking}
    return told


def _count(table: Any, name: str) -> int:
    value = table.get(name) if isinstance(table, dict) else None
    return value if isinstance(value, int) and value > 0 else 0


def message_id(chat_id: Any) -> str:
    """The id of a message, after that of the answer it was."""
    name = _fit(chat_id) if isinstance(chat_id, str) and chat_id else uuid4().hex
    return name if name.startswith("msg_") else f"msg_{name}"


def tool_use_id(call_id: Any) -> str:
    """The id of a tool call in the letters that Anthropic takes, for the turn that brings its result."""
    return _fit(call_id) if isinstance(call_id, str) and call_id else f"toolu_{uuid4().hex}"


def _fit(name: str) -> str:
    return _UNFIT_FOR_IDS.sub("_", name)


def error_of(error: ApiError, request_id: str) -> Json:
    """The body of an error."""
    told = {"type": _error_type(error), "message": error.message}
    return {"type": "error", "error": told, "request_id": request_id}


def _error_type(error: ApiError) -> str:
    status = error.status
    if isinstance(error, UpstreamRefused):
        said = error.body.get("type") if error.body else None
        if isinstance(said, str) and said in _ERROR_TYPES.values():
            return said
        status = error.upstream_status
    return _ERROR_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
