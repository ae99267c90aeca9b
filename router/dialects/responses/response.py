"""The response object: what the request asked for, said again, and what came of it."""

from __future__ import annotations

from typing import Any

from router.dialects.responses.request import ResponsesRequest

Json = dict[str, Any]

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""Reasons to finish that leave an answer incomplete, in chat's words and in those of Responses."""


def incomplete_reason(finish_reason: str | None) -> str | None:
    """Why an answer is incomplete; None where it is not."""
    return _INCOMPLETE.get(finish_reason or "")


def frame_of(request: ResponsesRequest, sent: Json, *, response_id: str, created_at: int) -> Json:
    """A response in progress, which is all that is known of it before its first token.

    Nothing is stored, nothing is cut and nothing runs in the background, whatever was asked for: the answer says so.
    """
    text = sent.get("text") or {}
    reasoning = request.reasoning
    return {
        "id": response_id,
        "object": "response",
        "created_at": created_at,
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "instructions": request.instructions,
        "max_output_tokens": request.max_output_tokens,
        "max_tool_calls": request.max_tool_calls,
        "metadata": request.metadata or {},
        "model": request.model,
        "output": [],
        "parallel_tool_calls": request.parallel_tool_calls is not False,
        "previous_response_id": None,
        "prompt_cache_key": request.prompt_cache_key,
        "reasoning": {
            "effort": reasoning.effort if reasoning else None,
            "summary": (reasoning.summary or reasoning.generate_summary) if reasoning else None,
        },
        "safety_identifier": request.safety_identifier,
        "service_tier": request.service_tier,
        "store": False,
        "temperature": request.temperature,
        "text": {**text, "format": text.get("format") or {"type": "text"}},
        "tool_choice": request.tool_choice or "auto",
        "tools": [_told(tool) for tool in request.tools or ()],
        "top_logprobs": request.top_logprobs or 0,
        "top_p": request.top_p,
        "truncation": "disabled",
        "usage": None,
        "user": request.user,
    }


def _told(tool: Json) -> Json:
    """A tool as it was used: a function that says nothing of strictness is none that is strict."""
    return {"parameters": None, "strict": False, **tool} if tool.get("type") == "function" else tool


def usage_of(usage: Any) -> Json | None:
    """The token counts in the words of Responses; None where the model did not say."""
    if not isinstance(usage, dict):
        return None
    prompt, completion = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    asked, told = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    return {
        "input_tokens": prompt,
        "input_tokens_details": {
            "cached_tokens": _count(asked, "cached_tokens"),
            "cache_write_tokens": _count(asked, "cache_creation_tokens"),
        },
        "output_tokens": completion,
        "output_tokens_details": {"reasoning_tokens": _count(told, "reasoning_tokens")},
        "total_tokens": _count(usage, "total_tokens") or prompt + completion,
    }


def _count(table: Any, name: str) -> int:
    value = table.get(name) if isinstance(table, dict) else None
    return value if isinstance(value, int) else 0
