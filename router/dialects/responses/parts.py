"""The parts of a message's content, and of a tool's output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.errors import InvalidRequest

Json = dict[str, Any]

_TEXTS = ("input_text", "output_text", "text")
_KEPT = ("cache_control", "prompt_cache_breakpoint")
"""Marks on a part that mean the same wherever it goes."""


def wrong(field: str, why: str) -> InvalidRequest:
    """The error that names a field and says what is wrong with it."""
    return InvalidRequest(f"'{field}': {why}.", param=field)


def content_of(content: Any, field: str, *, role: str) -> Json:
    """The keys of a chat message that say what a message item's ``content`` says: ``content``, and a ``refusal``.

    Raises:
        InvalidRequest: a part is none, or none that chat has.
    """
    if isinstance(content, str):
        return {"content": content}
    if not isinstance(content, list):
        raise wrong(field, "expected text or a list of parts")
    refusals = [part["refusal"] for part in content if _is_refusal(part)]
    parts = [_part(part, f"{field}[{place}]") for place, part in enumerate(content) if not _is_refusal(part)]
    # Many servers read the assistant's content only where it is text.
    told: Any = "".join(part["text"] for part in parts) if role == "assistant" and _all_text(parts) else _plain(parts)
    if refusals:
        return {"content": told or None, "refusal": "".join(refusals)}
    return {"content": told}


def output_of(output: Any, field: str) -> str | list[Json]:
    """The content of a tool message.

    Raises:
        InvalidRequest: it is neither text nor parts that chat has.
    """
    if isinstance(output, str):
        return output
    if not isinstance(output, list):
        raise wrong(field, "expected text or a list of parts")
    return _plain([_part(part, f"{field}[{place}]") for place, part in enumerate(output)])


def _plain(parts: list[Json]) -> str | list[Json]:
    """One part that is nothing but text, as text: not every server reads parts everywhere."""
    if len(parts) == 1 and set(parts[0]) == {"type", "text"}:
        text: str = parts[0]["text"]
        return text
    return parts


def _all_text(parts: list[Json]) -> bool:
    return all(set(part) == {"type", "text"} for part in parts)


def _is_refusal(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "refusal" and isinstance(part.get("refusal"), str)


def _part(part: Any, field: str) -> Json:
    if not isinstance(part, dict):
        raise wrong(field, "expected `object`")
    return _translated(part, field) | {name: part[name] for name in _KEPT if part.get(name) is not None}


def _translated(part: Mapping[str, Any], field: str) -> Json:
    kind = part.get("type")
    if kind in _TEXTS:
        if not isinstance(part.get("text"), str):
            raise wrong(f"{field}.text", "expected `str`")
        return {"type": "text", "text": part["text"]}
    if kind == "input_image":
        return _image(part, field)
    if kind == "input_audio":
        return {"type": "input_audio", "input_audio": _object(part, "input_audio", field)}
    if kind == "input_file":
        return _file(part, field)
    raise wrong(f"{field}.type", "expected 'input_text', 'input_image', 'input_audio', 'input_file' or 'output_text'")


def _image(part: Mapping[str, Any], field: str) -> Json:
    url = part.get("image_url")
    if not isinstance(url, str):
        if part.get("file_id") is not None:
            raise wrong(f"{field}.file_id", "no files are stored here. Send the image in 'image_url' as a data: URL")
        raise wrong(f"{field}.image_url", "expected `str`")
    detail = {"detail": part["detail"]} if part.get("detail") is not None else {}
    return {"type": "image_url", "image_url": {"url": url, **detail}}


def _file(part: Mapping[str, Any], field: str) -> Json:
    for name in ("file_url", "file_id"):
        if part.get(name) is not None:
            raise wrong(f"{field}.{name}", "no files are stored or fetched here. Send the file itself in 'file_data'")
    if not isinstance(part.get("file_data"), str):
        raise wrong(f"{field}.file_data", "expected `str`")
    return {"type": "file", "file": {name: part[name] for name in ("file_data", "filename") if part.get(name)}}


def _object(part: Mapping[str, Any], name: str, field: str) -> Json:
    value = part.get(name)
    if not isinstance(value, dict):
        raise wrong(f"{field}.{name}", "expected `object`")
    return value
