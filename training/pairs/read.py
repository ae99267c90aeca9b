"""Reading pairs: our own of data/cache, and Quora's."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from router.errors import DataError
from training.pairs.records import QUORA_GROUPS, RequestPair, Source, Turn, transcript
from training.records import Drops
from training.tables import Row, read_rows

QUESTIONS_FILE = "questions.jsonl"
CONVERSATIONS_FILE = "conversations.jsonl"
REPORTED_FILE = "reported.jsonl"
"""What callers said of a server's cache: the output of ``underdog ledger pairs``."""

QQP_FILE = Path("qqp") / "pairs.jsonl.gz"


def read_own_pairs(folder: Path) -> list[RequestPair]:
    """Our pairs, questions first; ``folder`` holds ``questions.jsonl`` and ``conversations.jsonl``.

    Where it holds ``reported.jsonl`` too, those follow.

    Raises:
        DataError: a file is missing, or a row is not a pair.
    """
    reported = folder / REPORTED_FILE
    written = [_pair(row, source) for row, source in _written_rows(folder)]
    return [*written, *(read_reported(reported) if reported.is_file() else [])]


def read_calibration_pairs(folder: Path) -> list[tuple[RequestPair, str]]:
    """The pairs of a folder of the same form, each beside what its column ``use`` says.

    Raises:
        DataError: a file is missing, or a row is not a pair with a use.
    """
    found = []
    for row, source in _written_rows(folder):
        if "use" not in row.values:
            raise DataError(f"{row.place}: says not what it is for; data/README.md says what a row holds")
        found.append((_pair(row, source), str(row.values["use"])))
    return found


def read_reported(path: Path) -> list[RequestPair]:
    """Pairs that callers judged, each a question or a conversation; those linked by texts, however far, are one group.

    Raises:
        DataError: a row is not a pair.
    """
    pairs = [
        _pair(row, "questions" if isinstance(row.values.get("a"), str) else "conversations", "") for row in _rows(path)
    ]
    groups = linked([(pair.a, pair.b) for pair in pairs])
    return [replace(pair, group=f"reported-{group}") for pair, group in zip(pairs, groups, strict=True)]


def read_qqp(data: Path, *, most: int | None, seed: int) -> list[RequestPair]:
    """Some of Quora's pairs; questions that are linked by pairs, however far, are one group.

    Args:
        data: folder of data sets; none are given where it has no ``qqp``.
        most: how many pairs are drawn, all where None; groups are linked by all pairs of the file.
        seed: fixes which.

    Raises:
        DataError: a row is not a pair.
    """
    path = data / QQP_FILE
    if not path.is_file():
        return []
    rows = [_qqp_row(row) for row in _rows(path)]
    groups = linked([(a, b) for a, b, _ in rows])
    count = len(rows) if most is None else min(most, len(rows))
    chosen = random.Random(seed).sample(range(len(rows)), count)  # noqa: S311 (no secret)
    return [
        RequestPair(rows[i][0], rows[i][1], rows[i][2], "qqp", f"{QUORA_GROUPS}{groups[i]}") for i in sorted(chosen)
    ]


def linked(pairs: Sequence[tuple[str, str]]) -> list[int]:
    """For each pair the number of its cluster: pairs that share a text, directly or through others, have the same."""
    parent: dict[str, str] = {}

    def root(text: str) -> str:
        parent.setdefault(text, text)
        while parent[text] != text:
            parent[text] = parent[parent[text]]
            text = parent[text]
        return text

    for a, b in pairs:
        parent[root(a)] = root(b)
    numbers: dict[str, int] = {}
    return [numbers.setdefault(root(a), len(numbers)) for a, _ in pairs]


def _written_rows(folder: Path) -> Iterator[tuple[Row, Source]]:
    """The rows of both files of written pairs, questions first."""
    yield from ((row, "questions") for row in _rows(folder / QUESTIONS_FILE))
    yield from ((row, "conversations") for row in _rows(folder / CONVERSATIONS_FILE))


def _pair(row: Row, source: Source, group: str | None = None) -> RequestPair:
    values = row.values
    try:
        return RequestPair(
            a=_text(values["a"]),
            b=_text(values["b"]),
            same_answer=msgspec.convert(values["same_answer"], bool),
            source=source,
            group=f"{source}-{values['group']}" if group is None else group,
            family=values["family"],
        )
    except (KeyError, msgspec.ValidationError) as error:
        raise DataError(f"{row.place}: not a pair ({error}); data/README.md says what a row holds") from error


def _text(value: Any) -> str:
    return value if isinstance(value, str) else transcript(msgspec.convert(value, list[Turn]))


def _qqp_row(row: Row) -> tuple[str, str, bool]:
    values = row.values
    try:
        return str(values["text_a"]), str(values["text_b"]), int(values["label"]) == 1
    except (KeyError, ValueError) as error:
        raise DataError(f"{row.place}: not a pair ({error}); rows have text_a, text_b and label") from error


def _rows(path: Path) -> list[Row]:
    return list(read_rows(path, Drops(), path.name))
