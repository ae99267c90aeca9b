"""From a Responses request to the chat request that asks the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from router.dialects.responses.items import messages_of
from router.dialects.responses.tools import tool_choice_of, tools_of
from router.errors import InvalidRequest

LOGPROBS = "message.output_text.logprobs"
ENCRYPTED = "reasoning.encrypted_content"
"""What ``include`` may ask for; the rest of its words are about tools that OpenAI runs itself."""


class TextConfig(Struct, frozen=True, kw_only=True):
    """How the text of the answer is to be."""

    format: dict[str, Any] | None = None
    verbosity: str | None = None


class Reasoning(Struct, frozen=True, kw_only=True):
    """How hard to think, and whether to tell of it in a summary."""

    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None


class ResponsesRequest(Struct, frozen=True, kw_only=True):
    """The typed view of a Responses request: every field that is translated, refused or said again in the answer."""

    input: str | list[dict[str, Any]]
    model: str = "auto"
    instructions: str | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    top_logprobs: int | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    text: TextConfig | None = None
    reasoning: Reasoning | None = None
    include: list[str] | None = None
    metadata: dict[str, Any] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    service_tier: str | None = None
    background: bool | None = None

    @property
    def wants_summary(self) -> bool:
        """Whether reasoning is to be told as a summary."""
        return self.reasoning is not None and bool(self.reasoning.summary or self.reasoning.generate_summary)

    def includes(self, what: str) -> bool:
        """Whether the answer is to hold something that it does not hold by itself."""
        return what in (self.include or ())


_TRANSLATED = frozenset(
    {
        *("input", "instructions", "stream", "stream_options", "max_output_tokens", "top_logprobs", "tools"),
        *("tool_choice", "parallel_tool_calls", "text", "reasoning", "include"),
        # Said again in the answer and of no use to a model; providers refuse metadata without `store`.
        *("metadata", "max_tool_calls", "store"),
        # What is to happen to a conversation that is too long: nothing does.
        *("truncation", "context_management"),
        *("background", "background_options", "previous_response_id", "conversation", "prompt"),
    }
)
"""Fields that go no further by their name. All others mean the same in chat, or nothing that we know of."""

_REFUSED = {
    "previous_response_id": "no answer is stored here. Send the whole conversation as 'input'.",
    "conversation": "no conversation is stored here. Send all of it as 'input'.",
    "prompt": "no prompt templates are stored here. Send 'instructions' and 'input'.",
    "messages": "that belongs to POST /v1/chat/completions. Send 'input'.",
}


def to_chat(sent: Mapping[str, Any], request: ResponsesRequest, *, max_messages: int) -> dict[str, Any]:
    """The chat request that asks what a Responses request asks.

    Args:
        sent: the request as it came.
        request: the typed view of it.
        max_messages: most items that ``input`` may hold.

    Raises:
        InvalidRequest: it asks for what chat has no words for; ``param`` names the field.
    """
    _refuse(sent, request)
    same = {name: value for name, value in sent.items() if name not in _TRANSLATED and value is not None}
    ours = {
        "messages": messages_of(request.input, request.instructions, max_items=max_messages),
        "max_completion_tokens": request.max_output_tokens,
        "reasoning_effort": request.reasoning.effort if request.reasoning else None,
        **_text(request.text),
        **_logprobs(request),
        **_tools(request),
        **({"stream": True, "stream_options": {"include_usage": True}} if request.stream else {}),
    }
    return same | {name: value for name, value in ours.items() if value is not None}


def _refuse(sent: Mapping[str, Any], request: ResponsesRequest) -> None:
    for field, why in _REFUSED.items():
        if sent.get(field) is not None:
            raise InvalidRequest(f"'{field}': {why}", param=field)
    if request.background:
        raise InvalidRequest("'background': answers are given at once here. Leave it out.", param="background")
    if sent.get("n") not in (None, 1):
        raise InvalidRequest("'n': a response holds one answer. Ask again for another.", param="n")


def _text(text: TextConfig | None) -> dict[str, Any]:
    if text is None:
        return {}
    return {"verbosity": text.verbosity, "response_format": _response_format(text.format)}


def _response_format(given: dict[str, Any] | None) -> dict[str, Any] | None:
    kind = "text" if given is None else given.get("type")
    if kind == "text" or given is None:
        return None
    if kind == "json_schema":
        if not isinstance(given.get("name"), str):
            raise InvalidRequest("'text.format.name' is required.", param="text.format.name")
        return {"type": kind, "json_schema": {name: value for name, value in given.items() if name != "type"}}
    if kind == "json_object":
        return {"type": kind}
    field = "text.format.type"
    raise InvalidRequest(f"'{field}': expected 'text', 'json_schema' or 'json_object'.", param=field)


def _logprobs(request: ResponsesRequest) -> dict[str, Any]:
    if not (request.top_logprobs or request.includes(LOGPROBS)):
        return {}
    return {"logprobs": True, "top_logprobs": request.top_logprobs}


def _tools(request: ResponsesRequest) -> dict[str, Any]:
    """Chat takes what says how tools are to be used only beside tools."""
    if not request.tools:
        return {}
    return {
        "tools": tools_of(request.tools),
        "tool_choice": tool_choice_of(request.tool_choice),
        "parallel_tool_calls": request.parallel_tool_calls,
    }


request_decoder = msgspec.json.Decoder(ResponsesRequest)
