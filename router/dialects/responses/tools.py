"""Tools and the choice among them: Responses has them flat, chat under the name of their kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from router.errors import InvalidRequest

Kind = Literal["function", "custom"]
Json = dict[str, Any]

_CHOICES = ("none", "auto", "required")
_FUNCTION_FIELDS = ("name", "description", "parameters", "strict")


def tools_of(tools: Sequence[Mapping[str, Any]]) -> list[Json]:
    """Chat's form of a request's tools.

    Raises:
        InvalidRequest: one is none that a model can call through chat, or has no name.
    """
    return [_tool(tool, f"tools[{place}]") for place, tool in enumerate(tools)]


def tool_choice_of(choice: str | Mapping[str, Any] | None) -> str | Json | None:
    """Chat's form of ``tool_choice``.

    Raises:
        InvalidRequest: it names a tool that cannot be called through chat.
    """
    if choice is None or choice in _CHOICES:
        return choice if isinstance(choice, str) else None
    if isinstance(choice, str):
        raise InvalidRequest("'tool_choice': expected 'none', 'auto', 'required' or an object.", param="tool_choice")
    if choice.get("type") == "allowed_tools":
        named = choice.get("tools")
        if not isinstance(named, list):
            raise InvalidRequest("'tool_choice.tools' must be a list.", param="tool_choice.tools")
        allowed = [_named(tool, f"tool_choice.tools[{place}]") for place, tool in enumerate(named)]
        return {"type": "allowed_tools", "allowed_tools": {"mode": choice.get("mode", "auto"), "tools": allowed}}
    return _named(choice, "tool_choice")


def _tool(tool: Mapping[str, Any], field: str) -> Json:
    kind = _kind(tool, field)
    said: Json = {"name": _name(tool, field)}
    if kind == "function":
        said = {name: tool[name] for name in _FUNCTION_FIELDS if tool.get(name) is not None}
    elif tool.get("description") is not None:
        said["description"] = tool["description"]
    if kind == "custom" and tool.get("format") is not None:
        said["format"] = _format(tool["format"], f"{field}.format")
    marked = {"cache_control": tool["cache_control"]} if tool.get("cache_control") is not None else {}
    return {"type": kind, kind: said, **marked}


def _format(given: Any, field: str) -> Json:
    if not isinstance(given, dict):
        raise InvalidRequest(f"'{field}' must be an object.", param=field)
    if given.get("type") != "grammar":
        return given
    return {"type": "grammar", "grammar": {name: value for name, value in given.items() if name != "type"}}


def _named(tool: Any, field: str) -> Json:
    if not isinstance(tool, dict):
        raise InvalidRequest(f"'{field}' must be an object.", param=field)
    kind = _kind(tool, field)
    return {"type": kind, kind: {"name": _name(tool, field)}}


def _kind(tool: Mapping[str, Any], field: str) -> Kind:
    kind = tool.get("type")
    if kind == "function":
        return "function"
    if kind == "custom":
        return "custom"
    if not isinstance(kind, str):
        raise InvalidRequest(f"'{field}.type' is required.", param=f"{field}.type")
    raise InvalidRequest(
        f"'{field}.type': '{kind[:60]}' is a tool that OpenAI runs itself, and other models cannot be given it. "
        "Offer a 'function' that does the same, or send this request to OpenAI.",
        param=f"{field}.type",
        code="unsupported_tool",
    )


def _name(tool: Mapping[str, Any], field: str) -> str:
    name = tool.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidRequest(f"'{field}.name' is required.", param=f"{field}.name")
    return name
