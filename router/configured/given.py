"""What was given for a setting, and the place where: a flag, a variable of the environment, a line of a file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct

Source = Literal["flag", "environment", "file", "default"]

_HEADER = re.compile(r"""^\s*\[\[?\s*(?P<name>[\w.\-"'\s]+?)\s*\]\]?\s*(#.*)?$""")
_KEY = re.compile(r"""^\s*(?P<name>[\w.\-"'\s]+?)\s*=""")
_ENTRY = re.compile(r"^(?P<setting>\w+): '(?P<entry>[^']*)'")
_VARIABLE = re.compile(r"^(?P<setting>[A-Z][A-Z0-9_]*|\w+)\b")


class Given(Struct, frozen=True, kw_only=True):
    """One value as it came, not yet checked.

    ``place``: the flag, the variable, or the file's path. ``text``: the file's, from which lines are told.
    """

    setting: str
    value: Any
    source: Source
    place: str
    text: str = ""

    def line(self, entry: int | None = None) -> int | None:
        """The line of the file, from 1; of a list of tables that of one entry, from 0. None outside a file."""
        if self.source != "file":
            return None
        lines = list(lines_of(self.text, self.setting))
        if not lines:
            return None
        return lines[entry] if entry is not None and entry < len(lines) else lines[0]

    def origin(self, entry: int | None = None) -> str:
        """The place in words, as errors begin with it."""
        if self.source != "file":
            return self.place
        line = self.line(entry)
        return f"{self.place}: {self.setting}" if line is None else f"{self.place}, line {line}: {self.setting}"


def lines_of(text: str, setting: str) -> Iterator[int]:
    """The lines, from 1, on which a setting is given in a TOML text: a key's one, or each entry's of a list of tables.

    The standard library's reader tells no lines. A line begins a statement where all that stands before it is whole
    TOML: texts and lists that go over several lines mislead nobody.
    """
    table: list[str] = []
    before = ""
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        if (header := _HEADER.match(line)) is not None and _is_whole(before):
            table = _parts(header["name"])
            if "_".join(table) == setting:
                yield number
        elif header is None and (key := _KEY.match(line)) is not None:
            parts = _parts(key["name"])
            is_it = "_".join(table + parts) == setting or (not table and parts[0] == setting)
            if is_it and _is_whole(before):
                yield number
        before += line


def placed(message: str, given: Mapping[str, Given], prefix: str) -> str:
    """A complaint about a setting, told together with the line of the file from which the setting came.

    Args:
        message: begins with a setting's name or its variable's, as ``deployments: 'eu': ...`` does.
        given: by setting.
        prefix: what the names of variables begin with.
    """
    found = _VARIABLE.match(message)
    name = found["setting"].removeprefix(prefix).lower() if found else ""
    if name not in given or given[name].source != "file":
        return message
    entry = _ENTRY.match(message)
    line = given[name].line(_place_of(given[name].value, entry["entry"]) if entry else None)
    return message if line is None else f"{given[name].place}, line {line}: {message}"


def _place_of(entries: Any, name: str) -> int | None:
    if not isinstance(entries, list):
        return None
    tables = [(at, entry) for at, entry in enumerate(entries) if isinstance(entry, dict)]
    for field in ("name", "model"):
        for at, entry in tables:
            if entry.get(field) == name:
                return at
    # An entry without a name goes by its route and number.
    route, _, number = name.rpartition("-")
    alike = [at for at, entry in tables if entry.get("route") == route]
    return alike[int(number) - 1] if number.isdigit() and 0 < int(number) <= len(alike) else None


def _parts(name: str) -> list[str]:
    return [part.strip().strip("\"'") for part in name.split(".")]


def _is_whole(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True
