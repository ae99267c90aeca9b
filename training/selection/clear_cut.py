"""Clear-cut prompts: anyone can tell at a glance whether a small model will do. They are in no fit.

A classifier that ranks held-out votes a little better and these worse has learned something that people would not
want: a tie between two classifiers is broken here, and not by a benchmark.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from router.errors import DataError
from training.records import Drops
from training.tables import Row, read_rows

EASY, HARD = "weak", "strong"
"""What ``expected`` holds: the model that should do."""


class ClearCut(Struct, frozen=True):
    """One prompt of the set called ``name``; ``hard`` where the strong model is due."""

    prompt: str
    name: str
    hard: bool


def read_clear_cut(paths: Sequence[Path]) -> list[ClearCut]:
    """Read JSONL files of ``prompt`` and ``expected`` (``weak`` or ``strong``); a file's name names its set.

    Raises:
        DataError: a file cannot be read, or a row is none of these; says where.
    """
    return [prompt for path in paths for prompt in _read(path)]


def _read(path: Path) -> list[ClearCut]:
    drops = Drops()
    name = path.name.partition(".")[0]
    prompts = [_clear_cut(row, name) for row in read_rows(path, drops, name)]
    if drops.total:
        raise DataError(f"{path}: {drops.total} lines are not JSON; correct or delete them")
    return prompts


def _clear_cut(row: Row, name: str) -> ClearCut:
    prompt, expected = row.values.get("prompt"), row.values.get("expected")
    if not isinstance(prompt, str) or expected not in (EASY, HARD):
        raise DataError(f"{row.place}: 'prompt' with a text and 'expected' with {EASY} or {HARD} are needed")
    return ClearCut(prompt, name, expected == HARD)
