"""Reading content blocks: typed access that names the field at fault."""

from __future__ import annotations

from typing import Any

from router.errors import InvalidRequest

Block = dict[str, Any]


def wrong(field: str, expected: str) -> InvalidRequest:
    """The error for a field of the wrong type or content."""
    return InvalidRequest(f"'{field}': expected {expected}.", param=field)


def required_text(block: Block, name: str, field: str) -> str:
    """A field that must be a text.

    Raises:
        InvalidRequest: it is missing or none; ``field`` is where the block stands.
    """
    value = block.get(name)
    if not isinstance(value, str):
        raise wrong(f"{field}.{name}", "`str`")
    return value


def optional_text(block: Block, name: str, field: str) -> str | None:
    """A field that may be a text, absent or null. Raises as ``required_text`` does."""
    return None if block.get(name) is None else required_text(block, name, field)


def required_object(block: Block, name: str, field: str) -> dict[str, Any]:
    """A field that must be an object. Raises as ``required_text`` does."""
    value = block.get(name)
    if not isinstance(value, dict):
        raise wrong(f"{field}.{name}", "`object`")
    return value


def blocks_of(value: Any, field: str) -> list[Block]:
    """A list of blocks, each an object with a ``type``; a text alone is one text block, null is none.

    Raises:
        InvalidRequest: it is anything else.
    """
    if value is None:
        return []
    if isinstance(value, str):
        return [{"type": "text", "text": value}]
    if not isinstance(value, list):
        raise wrong(field, "`str | array`")
    for position, block in enumerate(value):
        if not isinstance(block, dict):
            raise wrong(f"{field}[{position}]", "`object`")
        required_text(block, "type", f"{field}[{position}]")
    return value


def joined_text(blocks: list[Block], field: str, *, by: str) -> str:
    """The texts of text blocks in one.

    Raises:
        InvalidRequest: a block is no text.
    """
    texts = []
    for position, block in enumerate(blocks):
        place = f"{field}[{position}]"
        if block["type"] != "text":
            raise wrong(f"{place}.type", "`text`")
        texts.append(required_text(block, "text", place))
    return by.join(texts)
