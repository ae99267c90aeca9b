"""A chat request turned into a messages request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.errors import InvalidRequest
from router.upstream.anthropic.content import system_blocks, table, turns
from router.upstream.anthropic.models import Claude

Body = dict[str, Any]

EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
"""OpenAI's ``reasoning_effort`` in Anthropic's words."""

SAME_FIELDS = ("temperature", "top_p", "top_k", "thinking", "cache_control")
"""Fields that mean the same on both sides; the last three are Anthropic's, and common in chat requests to it."""

_TIERS = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}

_SCHEMA = {"type": "object", "properties": {}}
"""What the protocol wants to be said of a tool's parameters; OpenAI's takes it for granted."""


def messages_request(chat: Mapping[str, Any], model: Claude) -> Body:
    """The body of a messages request that asks for the same; without its ``model`` and ``stream``.

    What the protocol has no word for (``logprobs``, ``seed``, penalties) is left out, as Anthropic's own endpoint for
    chat completions does. Choices of limits and of thinking are left to `fit`.

    Raises:
        InvalidRequest: it asks for what cannot be had: several answers, a part of an unknown kind, a schema where the
            model takes none.
    """
    if (chat.get("n") or 1) > 1:
        raise InvalidRequest("'n': this model gives one answer at a time.", param="n")
    system, messages = system_blocks(chat["messages"]), turns(chat["messages"])
    if not messages:  # nothing but a system message: it is what is asked
        system, messages = [], [{"role": "user", "content": system}]
    body: Body = {"messages": messages}
    if system:
        body["system"] = system
    body |= {name: chat[name] for name in SAME_FIELDS if chat.get(name) is not None}
    body |= _limit(chat) | _stops(chat) | _tools(chat) | _schema(chat, model)
    _add_reasoning(body, chat)
    if isinstance(chat.get("user"), str):
        body["metadata"] = {"user_id": chat["user"]}
    tier = chat.get("service_tier")
    if isinstance(tier, str) and tier in _TIERS:
        body["service_tier"] = _TIERS[tier]
    return body


def _limit(chat: Mapping[str, Any]) -> Body:
    asked = _either(chat, "max_completion_tokens", "max_tokens")
    return {"max_tokens": asked} if isinstance(asked, int) and asked > 0 else {}


def _either(chat: Mapping[str, Any], name: str, old_name: str) -> Any:
    """A field by the name that it has, or the one that it had. Null is as good as absent."""
    return chat.get(old_name) if chat.get(name) is None else chat[name]


def _stops(chat: Mapping[str, Any]) -> Body:
    stop = chat.get("stop")
    stops = stop if isinstance(stop, list) else [stop]
    stops = [text for text in stops if isinstance(text, str) and text.strip()]  # the protocol refuses blank ones
    return {"stop_sequences": stops} if stops else {}


def _tools(chat: Mapping[str, Any]) -> Body:
    offered = [_tool(tool) for tool in chat.get("tools") or ()]
    old = chat.get("functions")
    offered += [_tool({"type": "function", "function": each}) for each in (old if isinstance(old, list) else ())]
    if not offered:
        return {}
    choice = _choice(_either(chat, "tool_choice", "function_call"))
    allowed = choice.pop("allowed", None)
    if allowed is not None:
        offered = [tool for tool in offered if tool.get("name") in allowed]
    if chat.get("parallel_tool_calls") is False and choice.get("type") != "none":
        choice = {"type": "auto"} | choice | {"disable_parallel_tool_use": True}
    return {"tools": offered} | ({"tool_choice": choice} if choice else {})


def _tool(tool: Mapping[str, Any]) -> Body:
    function = tool.get("function")
    if tool.get("type", "function") != "function" or not isinstance(function, dict):
        return dict(tool)  # one of Anthropic's own, or something for it to refuse
    made: Body = {"name": function.get("name"), "input_schema": _SCHEMA | table(function.get("parameters"))}
    if function.get("description"):
        made["description"] = function["description"]
    if function.get("strict"):
        made["strict"] = True
    cache = tool.get("cache_control") or function.get("cache_control")
    return made | ({"cache_control": cache} if cache else {})


def _choice(choice: Any) -> Body:
    match choice:
        case "none" | "auto":
            return {"type": choice}
        case "required":
            return {"type": "any"}
        case {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [*tools]}}:
            names = [(table(tool.get("function")) or tool).get("name") for tool in tools if isinstance(tool, dict)]
            return _choice(mode) | {"allowed": names}
        case {"function": {"name": str(name)}} | {"name": str(name)}:
            return {"type": "tool", "name": name}
    return {}


def _schema(chat: Mapping[str, Any], model: Claude) -> Body:
    wanted = chat.get("response_format")
    described = wanted.get("json_schema") if isinstance(wanted, dict) else None
    if not isinstance(described, dict) or not isinstance(described.get("schema"), dict):
        return {}  # `json_object` has no counterpart: the prompt says it, as OpenAI demands of such requests
    if not model.schemas:
        raise InvalidRequest("'response_format': this model cannot be held to a JSON schema.", param="response_format")
    return {"output_config": {"format": {"type": "json_schema", "schema": described["schema"]}}}


def _add_reasoning(body: Body, chat: Mapping[str, Any]) -> None:
    effort = chat.get("reasoning_effort")
    if not isinstance(effort, str) or "thinking" in body:
        return
    if effort == "none":
        body["thinking"] = {"type": "disabled"}
        return
    forced = (body.get("tool_choice") or {}).get("type") in {"any", "tool"}
    if not forced:  # a model that must call a tool must not think first
        body["thinking"] = {"type": "adaptive", "display": "summarized"}
    body["output_config"] = {"effort": EFFORTS.get(effort, "high")} | body.get("output_config", {})
