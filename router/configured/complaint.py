"""What is wrong with a table of the settings, said so that its writer finds the place."""

from __future__ import annotations

import difflib
import re
from typing import Any

import msgspec

from router.configured.plainly import plainly

_AT_PATH = re.compile(r"^(?P<reason>.*?)(?: - at `\$(?P<path>[^`]*)`)?$", re.DOTALL)
_STEP = re.compile(r"\[(?P<index>\d+)\]|\.(?P<field>\w+)|\[\.\.\.\]")
_UNKNOWN = re.compile(r"unknown field `(?P<field>[^`]*)`")
_MISSING = re.compile(r"missing required field `(?P<field>[^`]*)`")
MAX_REASON_CHARS = 200


def complaint(kind: Any, value: Any, error: msgspec.ValidationError) -> str:
    """A sentence on why a value is not of a kind: the entry by its name, the field, and what may stand there.

    Args:
        kind: the type of the setting.
        value: what was given for it, as TOML or JSON reads it.
        error: what msgspec said of it.
    """
    match = _AT_PATH.match(str(error))
    reason, path = (match["reason"], match["path"] or "") if match else (str(error), "")
    entry, place = "", ""
    info: Any = _bare(msgspec.inspect.type_info(kind))
    for step in _STEP.finditer(path):
        if step["field"] is not None:
            place += f".{step['field']}"
            info = _bare(_fields(info).get(step["field"]))
        elif step["index"] is not None:
            entry = entry or _entry(value, int(step["index"]))
            info = _bare(getattr(info, "item_type", None))
        else:
            info = _bare(getattr(info, "value_type", None))
    said = ": ".join(part for part in (entry, place.lstrip("."), _reason(reason, info)) if part)
    return said if said.endswith("?") else f"{said}."


def _reason(reason: str, info: Any) -> str:
    known = sorted(_fields(info))
    if known and (unknown := _UNKNOWN.search(reason)):
        nearest = difflib.get_close_matches(unknown["field"], known, n=1)
        hint = f"did you mean '{nearest[0]}'?" if nearest else f"known are {', '.join(known)}"
        return f"unknown field '{unknown['field'][:60]}'; {hint}"
    if isinstance(info, msgspec.inspect.LiteralType) and reason.startswith("Invalid enum value"):
        allowed = ", ".join(map(str, info.values))
        return f"must be one of {allowed}, not {reason.removeprefix('Invalid enum value ')[:60]}"
    if (missing := _MISSING.search(reason)) is not None:
        return f"'{missing['field']}' is required"
    return plainly(reason[:MAX_REASON_CHARS].replace("`", ""))


def _entry(value: Any, index: int) -> str:
    """How an entry of a list is called: by its own name, else by what tells it apart, else by its place."""
    if not isinstance(value, list | tuple):
        return ""
    entry = value[index] if index < len(value) else None
    name = entry.get("name") or entry.get("model") if isinstance(entry, dict) else None
    return f"'{name[:60]}'" if isinstance(name, str) else f"number {index + 1}"


def _fields(info: Any) -> dict[str, Any]:
    fields = info.fields if isinstance(info, msgspec.inspect.StructType) else ()
    return {field.encode_name: field.type for field in fields}


def _bare(info: Any) -> Any:
    """A type without what is said of it, and of several the one that is not nothing."""
    while isinstance(info, msgspec.inspect.Metadata):
        info = info.type
    if isinstance(info, msgspec.inspect.UnionType):
        return next((_bare(part) for part in info.types if not isinstance(part, msgspec.inspect.NoneType)), None)
    return info
