"""A file of prompts as people have them: lines of text, or JSON of prompts, conversations or OpenAI requests."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from router.errors import UNREADABLE_JSON, DataError
from router.scoring.prompt import prompt_text
from router.types import Message

STANDARD_INPUT = Path("-")
_JSON_STARTS = ('{"', "{ ", "[", '"')
_FIELDS = "'prompt' or 'messages'"


class _Conversation(msgspec.Struct):
    messages: list[Message]


def read_prompts(path: Path) -> tuple[list[str], dict[str, int]]:
    """The prompts of a file as they are scored, and how many of its rows were left out for what reason.

    A line is a prompt or, where the first one is JSON, a record with ``prompt`` (a text), ``messages`` (a
    conversation), or ``body`` (an OpenAI request, as its batch files have them); a list of such records may be the
    whole file.

    Args:
        path: of the file; ``-`` for standard input.

    Raises:
        DataError: it cannot be read, or holds no prompts.
    """
    name = "standard input" if path == STANDARD_INPUT else str(path)
    text = _text(path, name)
    left_out: Counter[str] = Counter()
    prompts = []
    for row in _rows(text, name):
        prompt = _prompt(row)
        if prompt is None:
            left_out[f"no {_FIELDS}"] += 1
        elif not prompt.strip():
            left_out["empty prompt"] += 1
        else:
            prompts.append(prompt)
    if not prompts:
        raise DataError(
            f"{name}: holds no prompts; give one a line, or JSON records with {_FIELDS} "
            "(`underdog ledger export` has them with --prompts, where the ledger keeps them)."
        )
    return prompts, dict(left_out)


def _text(path: Path, name: str) -> str:
    # Whatever the locale: prompts are UTF-8, and a stray byte is no reason to stop.
    try:
        raw = sys.stdin.buffer.read() if path == STANDARD_INPUT else path.read_bytes()
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror}).") from error
    return raw.decode("utf-8-sig", "replace")


def _rows(text: str, name: str) -> Iterable[Any]:
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines or not lines[0].lstrip().startswith(_JSON_STARTS):
        return lines
    if lines[0].lstrip().startswith("["):
        found = _decoded(text, name)
        return found if isinstance(found, list) else [found]
    return _json_lines(text, name)


def _json_lines(text: str, name: str) -> Iterator[Any]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _decoded(line, f"{name}, line {number}")


def _decoded(text: str, place: str) -> Any:
    try:
        return msgspec.json.decode(text.encode())
    except UNREADABLE_JSON as error:
        raise DataError(f"{place}: is no JSON, and the first line is ({error}).") from error


def _prompt(row: Any) -> str | None:
    """The text that is scored for a row; None where it has none."""
    if isinstance(row, str):
        return row
    if not isinstance(row, dict):
        return None
    if isinstance(row.get("body"), dict):
        row = row["body"]
    if isinstance(row.get("prompt"), str):
        return str(row["prompt"])
    try:
        return prompt_text(msgspec.convert(row, _Conversation).messages)
    except msgspec.ValidationError:
        return None
