"""Answers as objects that feel like those of OpenAI's package: attributes over the JSON that came.

They are ours whether that package is installed or not: it is no dependency, and an answer that is of one class on one
machine and of another on the next would be worse than either. Fields that nobody here has heard of are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

import msgspec

OPTIONAL = frozenset(
    {
        "annotations",
        "audio",
        "completion_tokens_details",
        "content",
        "finish_reason",
        "function_call",
        "logprobs",
        "prompt_tokens_details",
        "refusal",
        "role",
        "service_tier",
        "system_fingerprint",
        "tool_calls",
        "usage",
    }
)
"""Fields of chat completions that an answer may leave out: they read as None then, as with OpenAI's own classes."""


class Record:
    """A JSON object whose fields are attributes; ``record["field"]`` and ``"field" in record`` work as well.

    Args:
        fields: the object. It is not copied.
    """

    __slots__ = ("_fields",)
    _fields: dict[str, Any]

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self._fields:
            return _seen(self._fields[name])
        if name in OPTIONAL:
            return None
        raise AttributeError(f"the answer has no field '{name}'; it has {', '.join(self._fields) or 'none'}")

    def __getitem__(self, name: str) -> Any:
        return _seen(self._fields[name])

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return ((name, _seen(value)) for name, value in self._fields.items())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and self._fields == other._fields

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self)
        return f"{type(self).__name__}({shown})"

    def __reduce__(self) -> tuple[type[Self], tuple[dict[str, Any]]]:
        return type(self), (self._fields,)

    def get(self, name: str, default: Any = None) -> Any:
        """A field, or ``default`` where the answer does not have it."""
        return _seen(self._fields[name]) if name in self._fields else default

    def model_dump(self, *, exclude_none: bool = False, **_: Any) -> dict[str, Any]:
        """The object as plain dicts and lists, a copy. Further arguments of pydantic's method have no effect."""
        found: dict[str, Any] = _copied(self._fields, without_none=exclude_none)
        return found

    def model_dump_json(self, *, indent: int | None = None, exclude_none: bool = False, **_: Any) -> str:
        """The object as JSON text."""
        text = msgspec.json.encode(self.model_dump(exclude_none=exclude_none))
        return (text if indent is None else msgspec.json.format(text, indent=indent)).decode()

    to_dict = model_dump
    to_json = model_dump_json


class Completion(Record):
    """A whole answer, ``chat.completion``.

    ``headers``: what the server would have said in its headers, such as ``x-router-route`` and ``x-router-cost-usd``.
    """

    __slots__ = ("_headers",)
    _headers: dict[str, str]

    def __init__(self, fields: dict[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(fields)
        self._headers = dict(headers or {})

    @property
    def headers(self) -> dict[str, str]:
        """The answer's headers, names in lower case."""
        return self._headers

    def __reduce__(self) -> tuple[type[Self], tuple[dict[str, Any], dict[str, str]]]:  # type: ignore[override]
        return type(self), (self._fields, self._headers)


def _seen(value: Any) -> Any:
    """A value as attributes show it."""
    if isinstance(value, dict):
        return Record(value)
    if isinstance(value, list):
        return [_seen(each) for each in value]
    return value


def _copied(value: Any, *, without_none: bool) -> Any:
    if isinstance(value, dict):
        return {
            name: _copied(each, without_none=without_none)
            for name, each in value.items()
            if each is not None or not without_none
        }
    if isinstance(value, list):
        return [_copied(each, without_none=without_none) for each in value]
    return value
