"""From Anthropic's turns of content blocks to chat messages.

Chat messages know one text or a list of parts, tool calls beside it, and a message of its own for each tool result.
Left out is what no model but Anthropic's can read: thinking and its signatures, prompt cache marks, and the steps of
tools that Anthropic itself runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from router.dialects.messages.blocks import (
    Block,
    blocks_of,
    joined_text,
    optional_text,
    required_object,
    required_text,
    wrong,
)

Json = dict[str, Any]

Needs = set[str]
"""What only an upstream that speaks the protocol can do; see ``router.types.Native``."""

ERROR_MARK = "Error: "
"""Stands before the result of a tool that failed, which chat completions have no field for."""

DEFAULT_FILE_NAME = "document.pdf"


def chat_messages(system: Any, turns: list[Json], needs: Needs) -> list[Json]:
    """All chat messages of a conversation.

    Args:
        system: the request's ``system``: a text, text blocks or None.
        turns: the request's ``messages``, their roles known to be right.
        needs: takes what is left out here although the answer may depend on it.

    Raises:
        InvalidRequest: a block is not what it should be.
    """
    messages: list[Json] = []
    if text := joined_text(blocks_of(system, "system"), "system", by="\n\n"):
        messages.append({"role": "system", "content": text})
    for position, turn in enumerate(turns):
        field = f"messages[{position}].content"
        blocks = blocks_of(turn["content"], field)
        match turn["role"]:
            case "assistant":
                messages.append(_assistant(blocks, field, needs))
            case "system":
                messages.append({"role": "system", "content": joined_text(blocks, field, by="\n\n")})
            case _:
                messages += _user(blocks, field, needs)
    return messages


def _assistant(blocks: list[Block], field: str, needs: Needs) -> Json:
    texts: list[str] = []
    calls: list[Json] = []
    for position, block in enumerate(blocks):
        place = f"{field}[{position}]"
        match block["type"]:
            case "text":
                texts.append(required_text(block, "text", place))
            case "tool_use":
                calls.append(_call(block, place))
            case "thinking" | "redacted_thinking":
                pass
            case kind:
                needs.add(_family(kind))
    # One text that was cut for its citations, as a rule: nothing stood between the pieces.
    message: Json = {"role": "assistant", "content": "".join(texts)}
    if calls:
        message["tool_calls"] = calls
        message["content"] = message["content"] or None
    return message


def _call(block: Block, field: str) -> Json:
    arguments = msgspec.json.encode(required_object(block, "input", field)).decode()
    function = {"name": required_text(block, "name", field), "arguments": arguments}
    return {"id": required_text(block, "id", field), "type": "function", "function": function}


def _user(blocks: list[Block], field: str, needs: Needs) -> list[Json]:
    """The results of tools first, each in a message of its own, as chat completions want them; then what was said."""
    results: list[Json] = []
    parts: list[Json] = []
    for position, block in enumerate(blocks):
        place = f"{field}[{position}]"
        if block["type"] == "tool_result":
            result, media = _result(block, place, needs)
            results.append(result)
            parts += media
        else:
            parts += _parts(block, place, needs)
    if parts or not results:
        results.append({"role": "user", "content": _plain(parts)})
    return results


def _plain(parts: list[Json]) -> str | list[Json]:
    """A single text as such, which every server understands."""
    if len(parts) == 1 and parts[0]["type"] == "text":
        text: str = parts[0]["text"]
        return text
    return parts or ""


def _result(block: Block, field: str, needs: Needs) -> tuple[Json, list[Json]]:
    """The message of a tool's result, and what of it a tool's message cannot hold: images and files."""
    name = required_text(block, "tool_use_id", field)
    content = f"{field}.content"
    parts: list[Json] = []
    for position, inner in enumerate(blocks_of(block.get("content"), content)):
        parts += _parts(inner, f"{content}[{position}]", needs)
    text = "\n".join(part["text"] for part in parts if part["type"] == "text")
    media = [part for part in parts if part["type"] != "text"]
    if media:
        media.insert(0, {"type": "text", "text": f"The tool call {name} also returned:"})
    if block.get("is_error"):
        text = ERROR_MARK + text
    return {"role": "tool", "tool_call_id": name, "content": text}, media


def _parts(block: Block, field: str, needs: Needs) -> list[Json]:
    kind = block["type"]
    if kind in _PART_READERS:
        return _PART_READERS[kind](block, field, needs)
    needs.add(_family(kind))
    return []


def _text(block: Block, field: str, needs: Needs) -> list[Json]:
    return [_text_part(required_text(block, "text", field))]


def _text_part(text: str) -> Json:
    return {"type": "text", "text": text}


def _image(block: Block, field: str, needs: Needs) -> list[Json]:
    source, place = required_object(block, "source", field), f"{field}.source"
    match source.get("type"):
        case "base64":
            url = _data_url(source, place)
        case "url":
            url = required_text(source, "url", place)
        case "file":
            needs.add("files")
            return []
        case _:
            raise wrong(f"{place}.type", "`base64`, `url` or `file`")
    return [{"type": "image_url", "image_url": {"url": url}}]


def _cites(block: Block, needs: Needs) -> None:
    citations = block.get("citations")
    if isinstance(citations, dict) and citations.get("enabled"):
        needs.add("citations")


def _document(block: Block, field: str, needs: Needs) -> list[Json]:
    _cites(block, needs)
    source, place = required_object(block, "source", field), f"{field}.source"
    title = optional_text(block, "title", field)
    about = optional_text(block, "context", field)
    heading = [_text_part(text) for text in (title, about) if text]
    match source.get("type"):
        case "base64":
            content = [_file(_data_url(source, place), title)]
        case "url":
            content = [_file(required_text(source, "url", place), title)]
        case "text":
            content = [_text_part(required_text(source, "data", place))]
        case "content":
            inner = f"{place}.content"
            content = []
            for position, part in enumerate(blocks_of(source.get("content"), inner)):
                content += _parts(part, f"{inner}[{position}]", needs)
        case "file":
            needs.add("files")
            return []
        case _:
            raise wrong(f"{place}.type", "`base64`, `url`, `text`, `content` or `file`")
    return heading + content


def _file(data: str, title: str | None) -> Json:
    return {"type": "file", "file": {"filename": title or DEFAULT_FILE_NAME, "file_data": data}}


def _search_result(block: Block, field: str, needs: Needs) -> list[Json]:
    _cites(block, needs)
    title, source = required_text(block, "title", field), required_text(block, "source", field)
    content = f"{field}.content"
    text = joined_text(blocks_of(block.get("content"), content), content, by="\n")
    return [_text_part(f"{title}\n{source}\n{text}")]


_PART_READERS: dict[str, Callable[[Block, str, Needs], list[Json]]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
}


def _data_url(source: Block, field: str) -> str:
    return f"data:{required_text(source, 'media_type', field)};base64,{required_text(source, 'data', field)}"


def _family(kind: str) -> str:
    """The tool behind a block that is a step of it: ``web_search`` of ``web_search_tool_result``."""
    return kind.removesuffix("_tool_result") if kind != "server_tool_use" else "server_tools"
