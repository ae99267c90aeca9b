"""Reading judged pairs for ``underdog cache evaluate``."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import msgspec

from router.cache.evaluation import JudgedPair
from router.errors import UNREADABLE_JSON, DataError
from router.types import Message

FORMATS = (".jsonl", ".ndjson", ".csv")
"""Formats that are read, by suffix; each may have ``.gz`` after it."""

OWN, QUORA = ("a", "b", "same_answer"), ("text_a", "text_b", "label")
"""Columns of a pair: ours, and those of Quora's."""

_TRUE, _FALSE = frozenset({"1", "true", "yes"}), frozenset({"0", "false", "no"})

Row = tuple[str, Mapping[str, Any]]


def read_pairs(path: Path) -> list[JudgedPair]:
    """Read pairs: JSON lines or CSV, plain or gzipped.

    A row has ``a``, ``b`` and ``same_answer``, or ``text_a``, ``text_b`` and ``label``; a text may also be a list of
    messages (in CSV as JSON). ``family`` is optional.

    Raises:
        DataError: no such file, another format, a row that is no pair, or none at all; the message names row and field.
    """
    names = path.name.lower().removesuffix(".gz")
    if not names.endswith(FORMATS):
        raise DataError(f"{path}: {', '.join(FORMATS)} are read, plain or with .gz; convert the file")
    try:
        with _opened(path) as stream:
            rows = _csv_rows(stream) if names.endswith(".csv") else _json_rows(path, stream)
            pairs = [_pair(f"{path}, {place}", row, from_text=names.endswith(".csv")) for place, row in rows]
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read ({error}); check the path and the file") from error
    if not pairs:
        raise DataError(f"{path}: holds no pair; a row has {', '.join(OWN)}")
    return pairs


def _opened(path: Path) -> IO[str]:
    if path.name.lower().endswith(".gz"):
        return io.TextIOWrapper(gzip.open(path), encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _csv_rows(stream: IO[str]) -> Iterator[Row]:
    for number, row in enumerate(csv.DictReader(stream), 1):
        yield f"row {number}", {name: value for name, value in row.items() if name is not None and value is not None}


def _json_rows(path: Path, stream: IO[str]) -> Iterator[Row]:
    for number, line in enumerate(stream, 1):
        if line.strip():
            try:
                yield f"row {number}", msgspec.json.decode(line, type=dict[str, Any])
            except UNREADABLE_JSON as error:
                raise DataError(f"{path}, row {number}: not a JSON object ({error}); correct the line") from error


def _pair(place: str, row: Mapping[str, Any], *, from_text: bool) -> JudgedPair:
    columns = QUORA if QUORA[0] in row and OWN[0] not in row else OWN
    for name in columns:
        if name not in row:
            raise DataError(f"{place}: field '{name}' is missing; a row has {', '.join(OWN)} or {', '.join(QUORA)}")
    a, b, label = columns
    family = row.get("family")
    return JudgedPair(
        a=_conversation(f"{place}: field '{a}'", row[a], from_text=from_text),
        b=_conversation(f"{place}: field '{b}'", row[b], from_text=from_text),
        same_answer=_verdict(f"{place}: field '{label}'", row[label]),
        family=family if isinstance(family, str) else "",
    )


def _conversation(place: str, value: Any, *, from_text: bool) -> str | list[Mapping[str, Any]]:
    if from_text and isinstance(value, str) and value.lstrip().startswith('[{"'):
        value = _from_json(value)
    if isinstance(value, str):
        return value
    try:
        messages = msgspec.convert(value, list[Message])
    except msgspec.ValidationError as error:
        raise DataError(f"{place} is neither a text nor a list of messages ({error}); correct it") from error
    if not messages:
        raise DataError(f"{place} is an empty list; give at least one message")
    found: list[Mapping[str, Any]] = value
    return found


def _from_json(text: str) -> Any:
    """Messages, or the text itself where it only looks like them."""
    try:
        return msgspec.json.decode(text)
    except UNREADABLE_JSON:
        return text


def _verdict(place: str, value: Any) -> bool:
    word = str(value).strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise DataError(f"{place} is {value!r}; true or false is due, or 1 or 0")
