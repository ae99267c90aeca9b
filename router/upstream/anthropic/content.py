"""Chat messages turned into Anthropic's: blocks of content, tool calls and their results, one turn for each side."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from router.errors import UNREADABLE_JSON, InvalidRequest

Block = dict[str, Any]

SYSTEM_ROLES = frozenset({"system", "developer"})

OWN_BLOCKS = frozenset({"image", "document", "search_result", "container_upload", "tool_reference"})
"""Parts that are Anthropic's already: callers who know whom they speak to may send them."""

_DATA_URL = re.compile(r"data:(?P<media>[^;,]+)(?:;[^,;]+)*;base64,(?P<data>.*)", re.DOTALL)
_UNFIT_FOR_AN_ID = re.compile(r"[^a-zA-Z0-9_-]")


def system_blocks(messages: Sequence[Mapping[str, Any]]) -> list[Block]:
    """The text of all system and developer messages, wherever they stand, as Anthropic's ``system``."""
    blocks: list[Block] = []
    for place, message in enumerate(messages):
        if message.get("role") in SYSTEM_ROLES:
            blocks += _parts(message.get("content"), f"messages[{place}].content")
    return blocks


def turns(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """All other messages, those of one side that follow one another in one turn: results of calls belong together.

    Raises:
        InvalidRequest: a part is of a kind that the protocol does not have.
    """
    merged: list[dict[str, Any]] = []
    for place, message in enumerate(messages):
        role = message.get("role")
        if role in SYSTEM_ROLES:
            continue
        side = "assistant" if role == "assistant" else "user"
        blocks = _blocks(message, f"messages[{place}]")
        if not blocks:
            continue
        if merged and merged[-1]["role"] == side:
            merged[-1]["content"] += blocks
        else:
            merged.append({"role": side, "content": blocks})
    return merged


def _blocks(message: Mapping[str, Any], field: str) -> list[Block]:
    match message.get("role"):
        case "assistant":
            return _said(message, field)
        case "tool":
            return [_result(message, str(message.get("tool_call_id", "")), field)]
        case "function":
            return [_result(message, _function_id(message.get("name")), field)]
    return _parts(message.get("content"), f"{field}.content")


def _said(message: Mapping[str, Any], field: str) -> list[Block]:
    """What the model said earlier: its thoughts first, then its words, then its calls."""
    kept, refused = message.get("thinking_blocks"), message.get("refusal")
    thoughts = [dict(block) for block in kept if _is_signed(block)] if isinstance(kept, list) else []
    words = _parts(message.get("content"), f"{field}.content")
    if not words and isinstance(refused, str):
        words = _parts(refused, f"{field}.refusal")
    calls = [_call(call.get("id"), table(call.get("function"))) for call in message.get("tool_calls") or ()]
    old = message.get("function_call")
    if isinstance(old, dict):
        calls.append(_call(_function_id(old.get("name")), old))
    return thoughts + words + calls


def _is_signed(block: Any) -> bool:
    """Whether a thought may go back: without its signature it is another model's, and refused."""
    return isinstance(block, dict) and (block.get("type") != "thinking" or bool(block.get("signature")))


def table(value: Any) -> dict[str, Any]:
    """A field that should hold an object, and may hold anything."""
    return value if isinstance(value, dict) else {}


def _call(call_id: Any, function: Mapping[str, Any]) -> Block:
    return {
        "type": "tool_use",
        "id": fit_id(str(call_id or "")),
        "name": function.get("name", ""),
        "input": _arguments(function.get("arguments")),
    }


def _arguments(text: Any) -> dict[str, Any]:
    """Arguments as the object that they should be. What a model has garbled is passed on as the text that it is."""
    if not text:
        return {}
    try:
        decoded = msgspec.json.decode(text)
    except (*UNREADABLE_JSON, TypeError):
        decoded = None
    return decoded if isinstance(decoded, dict) else {"arguments": text}


def _result(message: Mapping[str, Any], call_id: str, field: str) -> Block:
    content = message.get("content")
    blocks = content if isinstance(content, str) else _parts(content, f"{field}.content")
    kept = {name: message[name] for name in ("cache_control", "is_error") if name in message}
    return {"type": "tool_result", "tool_use_id": fit_id(call_id), "content": blocks} | kept


def _function_id(name: Any) -> str:
    """The id of a call of the old kind, which had none: its name."""
    return f"function_{name}"


def fit_id(call_id: str) -> str:
    """A call's id in the characters that the protocol allows; calls and results are changed alike."""
    return _UNFIT_FOR_AN_ID.sub("_", call_id) or "call"


def _parts(content: Any, field: str) -> list[Block]:
    if content is None:
        return []
    parts: Iterable[Any] = [{"type": "text", "text": content}] if isinstance(content, str) else content
    blocks = []
    for place, part in enumerate(parts):
        block = _block(part, f"{field}[{place}]")
        if block is not None:
            if isinstance(part.get("cache_control"), dict):
                block["cache_control"] = part["cache_control"]
            blocks.append(block)
    return blocks


def _block(part: Mapping[str, Any], field: str) -> Block | None:
    """The block for one part; None for blank text, which the protocol refuses."""
    kind = part.get("type")
    match kind:
        case "text" | "input_text" | "output_text":
            return _text(part.get("text"))
        case "refusal":
            return _text(part.get("refusal"))
        case "image_url":
            image = part.get("image_url")
            return {"type": "image", "source": _source(image.get("url") if isinstance(image, dict) else image, field)}
        case "file":
            return _document(table(part.get("file")), field)
    if kind in OWN_BLOCKS:
        return dict(part)
    raise InvalidRequest(f"'{field}': the model takes no part of type '{str(kind)[:60]}'.", param=field)


def _text(text: Any) -> Block | None:
    blank = not text or (isinstance(text, str) and not text.strip())
    return None if blank else {"type": "text", "text": text}


def _source(url: Any, field: str) -> Block:
    if isinstance(url, str) and (match := _DATA_URL.fullmatch(url)):
        media = "image/jpeg" if match["media"] == "image/jpg" else match["media"]  # OpenAI takes either
        return {"type": "base64", "media_type": media, "data": match["data"]}
    if isinstance(url, str) and url.startswith(("http://", "https://")):
        return {"type": "url", "url": url}
    raise InvalidRequest(f"'{field}': neither a web address nor data in base64.", param=field)


def _document(file: Mapping[str, Any], field: str) -> Block:
    if isinstance(file.get("file_id"), str) and not file.get("file_data"):
        source: Block = {"type": "file", "file_id": file["file_id"]}
    else:
        source = _source(file.get("file_data"), field)
    title = {"title": file["filename"]} if isinstance(file.get("filename"), str) else {}
    return {"type": "document", "source": source} | title
