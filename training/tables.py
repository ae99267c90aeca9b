"""Rows of a file, whatever its format: CSV, Parquet, JSON or JSON lines, plain or gzipped.

Files are read as a stream. A line that cannot be parsed is counted as dropped, with its place; a file of which
nothing can be read is an error that names the file, the place and the remedy.
"""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from msgspec import Struct

from router.errors import DataError
from training.records import Drops

FORMATS = (".csv", ".parquet", ".json", ".jsonl", ".ndjson")
"""The formats that are read, by suffix; each but Parquet may have ``.gz`` after it."""

JSON_FAULTS = (ValueError, RecursionError)
"""What the standard library raises: for the text, for a whole number with thousands of digits, for deep nesting."""

PARQUET_BATCH = 256
"""Rows decoded at a time: conversations may be long, so few."""

FIELD_LIMIT = 1 << 27
"""Characters in one CSV field; the standard library's default is less than one long answer."""


class Row(Struct, frozen=True):
    """One row: where it stands, and its values by column."""

    place: str
    values: dict[str, Any]


def is_table(path: Path) -> bool:
    """Whether the name of ``path`` is one of a format that :func:`read_rows` reads."""
    return _format(path) in FORMATS


def read_columns(path: Path, drops: Drops, source: str, columns: Collection[str]) -> Iterator[Row]:
    """Like :func:`read_rows`, but no value of any other column comes out; Parquet does not even read them."""
    for row in read_rows(path, drops, source, only=columns):
        yield Row(row.place, {name: value for name, value in row.values.items() if name in columns})


def read_rows(
    path: Path, drops: Drops, source: str, *, skip: Collection[str] = (), only: Collection[str] | None = None
) -> Iterator[Row]:
    """Read the rows of one file.

    Args:
        path: the file; its suffix says the format.
        drops: counts the lines that cannot be parsed, under ``source``.
        source: the name that the rows go by.
        skip: columns that are not wanted; Parquet does not even read them.
        only: the columns that are, for a format that can leave out the others unread.

    Raises:
        DataError: no such file, an unknown format, or nothing in it can be read.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; check the path")
    form = _format(path)
    with _translated(path):
        if form == ".csv":
            yield from _csv_rows(path)
        elif form == ".parquet":
            yield from _parquet_rows(path, skip, only)
        elif form == ".json":
            yield from _json_rows(path, drops, source)
        elif form in (".jsonl", ".ndjson"):
            yield from _json_lines(path, drops, source)
        else:
            names = ", ".join(FORMATS)
            raise DataError(f"{path}: the format is not known by its name; convert it to one of {names} (.gz too)")


def _format(path: Path) -> str:
    suffixes = path.suffixes
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return suffixes[-1].lower() if suffixes else ""


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn what the standard library says about a damaged file into one sentence for the person who must act."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: the gzip data is damaged or cut off ({error}); fetch the file again") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text at byte {error.start}; convert the file to UTF-8") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}); check the file") from error


def _open(path: Path, *, newline: str | None = None) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline=newline)
    return path.open(encoding="utf-8-sig", newline=newline)


def _csv_rows(path: Path) -> Iterator[Row]:
    csv.field_size_limit(FIELD_LIMIT)
    with _open(path, newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            for values in reader:
                values.pop(None, None)  # cells beyond the header
                yield Row(f"{path}:{reader.line_num}", values)
        except csv.Error as error:
            place = f"{path}:{reader.line_num}"
            raise DataError(
                f"{place}: not valid CSV ({error}); quote fields that hold commas, quotes or new lines"
            ) from error


def _parquet_rows(path: Path, skip: Collection[str], only: Collection[str] | None) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            wanted = [name for name in names if name not in skip and (only is None or name in only)]
            number = 0
            for batch in file.iter_batches(batch_size=PARQUET_BATCH, columns=wanted):
                for values in batch.to_pylist():
                    number += 1
                    yield Row(f"{path}:row {number}", values)
    except pa.ArrowException as error:
        raise DataError(f"{path}: not a readable Parquet file ({error}); fetch the file again") from error


def _json_rows(path: Path, drops: Drops, source: str) -> Iterator[Row]:
    with _open(path) as file:
        try:
            document = json.load(file)
        except JSON_FAULTS as error:
            if not _is_second_line(error):
                raise DataError(
                    f"{_json_place(path, error)}: not valid JSON ({_said(error)}); correct or remove it"
                ) from error
            document = None
    if document is None:  # one document on each line, whatever the suffix says
        yield from _json_lines(path, drops, source)
        return
    rows = document if isinstance(document, list) else [document]
    yield from _objects(((f"{path}:item {number}", value) for number, value in enumerate(rows, 1)), drops, source)


def _json_lines(path: Path, drops: Drops, source: str) -> Iterator[Row]:
    first_fault = ""
    read = 0
    with _open(path) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            place = f"{path}:{number}"
            try:
                value = json.loads(line)
            except JSON_FAULTS as error:
                first_fault = first_fault or f"{place}: not valid JSON ({_said(error)})"
                drops.add(source, "malformed JSON line", example=place)
                continue
            for row in _objects([(place, value)], drops, source):
                read += 1
                yield row
    if first_fault and not read:
        raise DataError(f"{first_fault}, and no other line could be read; each line must be one JSON object")


def _objects(values: Any, drops: Drops, source: str) -> Iterator[Row]:
    for place, value in values:
        if isinstance(value, dict):
            yield Row(place, value)
        else:
            drops.add(source, "not a JSON object", example=place)


def _is_second_line(error: Exception) -> bool:
    return isinstance(error, json.JSONDecodeError) and error.msg == "Extra data" and error.lineno > 1


def _json_place(path: Path, error: Exception) -> str:
    return f"{path}:{error.lineno}" if isinstance(error, json.JSONDecodeError) else str(path)


def _said(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return error.msg
    return "nested too deeply" if isinstance(error, RecursionError) else "a number with too many digits"
