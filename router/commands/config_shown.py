"""What `underdog config` shows of settings: values as TOML would have them, secrets as stars."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from router.configured.given import Given, Source
from router.configured.secret import Secret
from router.settings import FIELDS, PREFIX, Settings, is_secret


class Shown(Struct, frozen=True, kw_only=True):
    """One setting. ``place``: the flag, the variable, or the file; ``line`` is of the file."""

    name: str
    value: Any
    source: Source
    place: str | None = None
    line: int | None = None

    @property
    def came_from(self) -> str:
        """The place in words."""
        if self.source == "default":
            return "default"
        return self.place or "" if self.line is None else f"{self.place}, line {self.line}"


def shown(settings: Settings, given: Mapping[str, Given]) -> list[Shown]:
    """Every setting, in the order of the documentation."""
    return [_shown(name, getattr(settings, name), given.get(name)) for name in FIELDS]


def in_words(value: Any) -> str:
    """A value as it would be written in TOML; nothing where there is none."""
    if value is None:
        return "none"
    return msgspec.json.encode(value).decode() if not isinstance(value, str) else value


def plain(value: Any) -> Any:
    """A value in lists, tables, numbers and texts, every secret in it as stars; what says nothing is left out."""
    if isinstance(value, Secret):
        return str(value)
    if isinstance(value, Struct):
        names = {field.name: field for field in msgspec.structs.fields(value)}
        members = {field.encode_name: getattr(value, name) for name, field in names.items()}
        return {
            name: plain(member)
            for (name, member), field in zip(members.items(), names.values(), strict=True)
            if member != field.default and member not in (None, {}, ())
        }
    if isinstance(value, Mapping):
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [plain(member) for member in value]
    return format(value, "f") if isinstance(value, Decimal) else value


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def _shown(name: str, value: Any, given: Given | None) -> Shown:
    value = "***" if is_secret(name) and value is not None else plain(value)
    if given is None:
        return Shown(name=name, value=value, source="default")
    return Shown(name=name, value=value, source=given.source, place=given.place, line=given.line())
