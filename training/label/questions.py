"""The prompts to label, and their reference answers, from whatever file the user has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from msgspec import Struct

from router.errors import DataError
from training.records import Drops
from training.tables import Row, is_table, read_rows
from training.text import clean

KEY_BYTES = 16


class Question(Struct, frozen=True, kw_only=True):
    """One prompt to label.

    ``key`` is a digest of the prompt: the journal goes by it, so prompts themselves are not in there. ``answer`` and
    ``answer_regex`` are the reference, either or none; ``place`` is the file and line for messages.
    """

    key: str
    prompt: str
    place: str
    id: str | None = None
    answer: str | None = None
    answer_regex: str | None = None

    @property
    def has_reference(self) -> bool:
        """Whether an answer can be graded without a judge."""
        return self.answer is not None or self.answer_regex is not None


def key_of(prompt: str) -> str:
    """The digest by which the journal knows a prompt."""
    return blake2b(prompt.encode(), digest_size=KEY_BYTES).hexdigest()


def read_questions(path: Path, drops: Drops, *, answers: Path | None = None) -> list[Question]:
    """Read prompts, each once, in the order of the file.

    Args:
        path: a table (JSON lines, JSON, CSV, Parquet; ``.gz`` too) with a column ``prompt`` and optionally ``id``,
            ``answer`` and ``answer_regex``; any other file is text with one prompt per line.
        drops: counts rows without a prompt, and repeated ones.
        answers: a table with ``answer`` or ``answer_regex`` by ``id`` or ``prompt``; goes before those in ``path``.

    Raises:
        DataError: a file cannot be read, no row has a prompt, or an ``answer_regex`` is none.
    """
    references = _references(answers, drops) if answers is not None else {}
    found: dict[str, Question] = {}
    for row in _rows(path, drops):
        prompt = row.values.get("prompt")
        text = clean(prompt) if isinstance(prompt, str) else ""
        if not text:
            drops.add(path.name, "no text in 'prompt'", example=row.place)
            continue
        key = key_of(text)
        if key in found:
            drops.add(path.name, "repeated prompt", example=row.place)
            continue
        name = _text(row.values.get("id"))
        reference = references.get(("id", name)) or references.get(("prompt", text)) or row
        found[key] = _question(key, text, name, row.place, reference)
    if not found:
        raise DataError(
            f"{path}: no row has a prompt; give JSON lines or CSV with a column 'prompt', or text, one a line"
        )
    return list(found.values())


def _question(key: str, prompt: str, name: str | None, place: str, reference: Row) -> Question:
    pattern = _text(reference.values.get("answer_regex"))
    if pattern is not None:
        try:
            re.compile(pattern)
        except re.error as error:
            raise DataError(
                f"{reference.place}: 'answer_regex' is no regular expression ({error}); correct it"
            ) from error
    answer = _text(reference.values.get("answer"))
    return Question(key=key, prompt=prompt, place=place, id=name, answer=answer, answer_regex=pattern)


def _references(path: Path, drops: Drops) -> Mapping[tuple[str, str | None], Row]:
    found: dict[tuple[str, str | None], Row] = {}
    for row in read_rows(path, drops, path.name):
        if _text(row.values.get("answer")) is None and _text(row.values.get("answer_regex")) is None:
            drops.add(path.name, "no 'answer' and no 'answer_regex'", example=row.place)
            continue
        if (name := _text(row.values.get("id"))) is not None:
            found["id", name] = row
        if (prompt := _text(row.values.get("prompt"))) is not None:
            found["prompt", prompt] = row
    if not found:
        raise DataError(
            f"{path}: no row has an 'answer' or 'answer_regex' with an 'id' or a 'prompt'; add these columns"
        )
    return found


def _rows(path: Path, drops: Drops) -> Iterator[Row]:
    if is_table(path):
        yield from read_rows(path, drops, path.name)
        return
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield Row(f"{path}:{number}", {"prompt": line})
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}); check the file") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text at byte {error.start}; convert the file to UTF-8") from error


def _text(value: Any) -> str | None:
    """A cell as text: numbers and booleans as JSON spells them, None where it is empty."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) and value != int(value) else str(int(value))
    return clean(value) or None if isinstance(value, str) else None
