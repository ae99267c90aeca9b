"""Tools, and how a model is to use them, from Anthropic's terms to those of chat completions."""

from __future__ import annotations

import re
from typing import Any

from router.dialects.messages.blocks import required_object, required_text, wrong
from router.dialects.messages.turns import Needs

Json = dict[str, Any]

_DATED = re.compile(r"_\d{8}$")


def chat_tools(tools: list[Json], needs: Needs) -> list[Json]:
    """The caller's own tools as functions. Anthropic's, which come with a dated type, only its own models know.

    Raises:
        InvalidRequest: a tool lacks its name or schema.
    """
    functions = []
    for position, tool in enumerate(tools):
        field = f"tools[{position}]"
        kind = tool.get("type")
        if kind not in (None, "custom"):
            if not isinstance(kind, str):
                raise wrong(f"{field}.type", "`str`")
            needs.add(_DATED.sub("", kind))
            continue
        function: Json = {
            "name": required_text(tool, "name", field),
            "parameters": required_object(tool, "input_schema", field),
        }
        for name in ("description", "strict"):
            if tool.get(name) is not None:
                function[name] = tool[name]
        functions.append({"type": "function", "function": function})
    return functions


def chat_tool_choice(choice: Json | None, functions: list[Json]) -> Json:
    """The fields of a chat request that say how the functions are to be used.

    Raises:
        InvalidRequest: the choice is of no known type.
    """
    if choice is None:
        return {}
    fields: Json = {}
    match choice.get("type"):
        case "auto" | "none" as same:
            fields["tool_choice"] = same
        case "any":
            fields["tool_choice"] = "required"
        case "tool":
            name = required_text(choice, "name", "tool_choice")
            if any(function["function"]["name"] == name for function in functions):
                fields["tool_choice"] = {"type": "function", "function": {"name": name}}
        case _:
            raise wrong("tool_choice.type", "`auto`, `any`, `tool` or `none`")
    if choice.get("disable_parallel_tool_use"):
        fields["parallel_tool_calls"] = False
    return fields if functions else {}
