"""What comes of a move: our settings, what has no equivalent, and the variables that must be set."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import SplitResult

from msgspec import Struct

from router.commands.elsewhere.source import Entry
from router.configured.address import http_address

IN_ENVIRONMENT = "os.environ/"
"""What LiteLLM puts before the name of a variable that holds a value."""

NO_KEY = frozenset({"", "none", "null", "empty", "dummy", "fake", "fake-key", "not-needed", "no-key", "na", "n/a"})
"""What people write where a client asks for a key and nobody needs one."""

LEAST, MOST = Decimal("1e-15"), Decimal("1e15")
"""Beyond, numbers are none that anybody means: as integers they may have more digits than there is memory."""

_DURATION = re.compile(r"(?P<count>\d{1,9})\s*(?P<unit>s|m|h|d|w|mo)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "mo": 2_592_000}


class Remark(Struct, frozen=True, kw_only=True):
    """Something that did not move as it was. ``what``: what becomes of it, or what to do instead; holds no value."""

    line: int
    key: str
    what: str


class Variable(Struct, frozen=True, kw_only=True):
    """A variable of the environment that the written file counts on. ``required``: the server does not start without.

    ``was``: the variable in which the other gateway had the value.
    """

    name: str
    why: str
    required: bool
    is_set: bool
    was: str | None = None


class Chosen(Struct, frozen=True, kw_only=True):
    """The two models, by the names that they had; None where there is none. ``because``: how they were told apart."""

    weak: str | None
    strong: str | None
    because: str


class Moved(Struct, frozen=True, kw_only=True):
    """A configuration as ours. It holds no secret: keys stay in the environment, and the file names their variables."""

    settings: dict[str, Any]
    chosen: Chosen
    remarks: tuple[Remark, ...]
    variables: tuple[Variable, ...]


class Move:
    """Collects what comes of a move.

    Args:
        environ: where variables are looked up that addresses and numbers come from; of keys only whether they are set.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.settings: dict[str, Any] = {}
        self.environ = dict(environ)
        self._set = {name for name, value in environ.items() if value}
        self._remarks: list[Remark] = []
        self._variables: dict[str, Variable] = {}

    def remark(self, entry: Entry, what: str) -> None:
        """Tell of an entry, which thereby is not left any more."""
        entry.take()
        self._remarks.append(Remark(line=entry.line, key=entry.key, what=what))

    def needs(self, name: str, why: str, *, required: bool = True, was: str | None = None) -> None:
        """Name a variable that the file counts on; what the first says of it stays."""
        was = None if was == name else was
        known = self._variables.get(name)
        if known is None:
            is_set = name in self._set
            self._variables[name] = Variable(name=name, why=why, required=required, is_set=is_set, was=was)

    def put(self, name: str, value: Any) -> None:
        """Give a setting its value, unless something that counts more did."""
        self.settings.setdefault(name, value)

    def text(self, entry: Entry | None) -> str | None:
        """A text that is no secret; from the environment where the entry names a variable. None where it is not there.

        What it names and is not set is told.
        """
        if entry is None:
            return None
        value = str(entry.value)
        if not value.startswith(IN_ENVIRONMENT):
            entry.take()
            return value
        name = value.removeprefix(IN_ENVIRONMENT)
        if self.environ.get(name):
            entry.take()
            return self.environ[name]
        self.remark(entry, f"comes from {name}, which is not set here: set it and run this again")
        return None

    def address(self, entry: Entry | None) -> SplitResult | None:
        """An address of a model's server, without a query; one that could never work, or holds a key, is told."""
        if entry is None or (text := self.text(entry)) is None:
            return None
        parts = http_address(text.strip())
        if parts is None:
            self.remark(entry, "is no address that begins with http:// or https:// and names a host")
            return None
        if parts.username or parts.password:
            self.remark(entry, "holds credentials: give the address alone, and the key in api_key_env")
            return None
        if parts.query:
            self.remark(entry, "its query is left out, which may hold a key")
        return parts._replace(query="", fragment="", path=parts.path.rstrip("/"))

    def number(self, entry: Entry | None) -> Decimal | None:
        """A number from 0 to ``MOST``; one that is none is told."""
        if entry is None or (text := self.text(entry)) is None:
            return None
        try:
            number = Decimal(text)
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite() and (number == 0 or LEAST <= number <= MOST) and not isinstance(entry.value, bool):
            return number
        self.remark(entry, "is no number that could be taken over")
        return None

    def seconds(self, entry: Entry | None, name: str) -> None:
        """Seconds, for a setting of ours that wants more than none."""
        if (number := self.number(entry)) is not None:
            if number > 0:
                self.put(name, plain(number))
            elif entry is not None:
                self.remark(entry, "0 seconds are no patience at all; the default stays")

    def _leave(self, entry: Entry, remedy: Mapping[str, str], no_such: str) -> None:
        """Tell of what was left: as one where that says it all, else part by part."""
        own = remedy.get(_name(entry.key))
        if own is None and any(_name(each.key) in remedy for each in _all_below(entry)):
            for below in [*entry.fields().values(), *entry.items()]:
                if below.value is not None:
                    self._leave(below, remedy, no_such)
        else:
            self.remark(entry, own or no_such)

    def finished(self, source: Entry, chosen: Chosen, remedy: Mapping[str, str], no_such: str) -> Moved:
        """All of it, what was left of the source with what to do instead.

        Args:
            source: what was read.
            chosen: the two models.
            remedy: what to do instead, by the name of an entry.
            no_such: what is said of all others.
        """
        for entry in list(source.left()):
            self._leave(entry, remedy, no_such)
        return Moved(
            settings=self.settings,
            chosen=chosen,
            remarks=tuple(sorted(self._remarks, key=lambda remark: remark.line)),
            variables=tuple(self._variables.values()),
        )


def _name(key: str) -> str:
    """The last name of a way: `rpm` of ``model_list[2].litellm_params.rpm``."""
    return key.rpartition(".")[2].partition("[")[0]


def _all_below(entry: Entry) -> Iterator[Entry]:
    for below in [*entry.fields().values(), *entry.items()]:
        yield below
        yield from _all_below(below)


def variable_named(entry: Entry) -> str | None:
    """The variable that an entry names, such as ``os.environ/OPENAI_API_KEY``."""
    value = str(entry.value)
    return value.removeprefix(IN_ENVIRONMENT) if value.startswith(IN_ENVIRONMENT) else None


def is_no_key(entry: Entry) -> bool:
    """Whether what stands for a key is a word for none."""
    return str(entry.value).strip().lower() in NO_KEY


def plain(number: Decimal) -> int | float:
    """A number as TOML has it."""
    return int(number) if number == number.to_integral_value() else float(number)


def seconds_of(text: str) -> int | None:
    """The seconds of a duration such as ``30d``; None where it is none."""
    found = _DURATION.fullmatch(text.strip())
    return int(found["count"]) * _SECONDS[found["unit"]] if found else None
