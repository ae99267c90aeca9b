"""Scoring many texts, and files of them, with the serving scorer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.errors import DataError
from router.scoring.scorer import Scorer
from training.progress import progress

FloatArray = NDArray[np.float64]

TEXTS_AT_ONCE = 512
DECIMALS = 9


class ScoredFile(Struct, frozen=True):
    """How many rows were scored, and which lines could not be: ``LINE: reason``."""

    scored: int
    bad: tuple[str, ...]


def score_texts(scorer: Scorer, texts: Sequence[str]) -> tuple[FloatArray, FloatArray]:
    """Scores and win rates, float64 [N] each, with a bar where it takes long."""
    starts = range(0, len(texts), TEXTS_AT_ONCE)
    blocks = [
        scorer.score_batch(texts[start : start + TEXTS_AT_ONCE])
        for start in progress(starts, label="scoring", unit="blocks")
    ]
    if not blocks:
        return np.empty(0), np.empty(0)
    return np.concatenate([block[0] for block in blocks]), np.concatenate([block[1] for block in blocks])


def score_file(scorer: Scorer, path: Path, out: Path) -> ScoredFile:
    """Add ``score`` and ``win_rate`` to every row of a JSONL file; other fields and the order of rows stay.

    Rows without a text ``prompt`` are left out and named by their line. The file is read a block at a time, and
    ``out`` appears only when all of it is written.

    Raises:
        DataError: the file cannot be read or has no rows, or ``out`` cannot be written.
    """
    bad: list[str] = []
    scored = 0
    partial = out.with_name(out.name + ".part")
    try:
        with partial.open("wb") as sink:
            for block in progress(_blocks(path, bad), label="scoring", unit="blocks"):
                scores, win_rates = scorer.score_batch([row["prompt"] for row in block])
                for row, score, win_rate in zip(block, scores.tolist(), win_rates.tolist(), strict=True):
                    row.update(score=round(score, DECIMALS), win_rate=round(win_rate, DECIMALS))
                    sink.write(msgspec.json.encode(row) + b"\n")
                scored += len(block)
        if not (scored or bad):
            partial.unlink()
            raise DataError(f"{path}: has no rows; give JSONL rows with 'prompt'")
        partial.replace(out)
    except OSError as error:
        partial.unlink(missing_ok=True)
        place = out if error.filename == str(partial) else error.filename or path
        raise DataError(f"{place}: {error.strerror}; check the path and the space left") from error
    return ScoredFile(scored, tuple(bad))


def _blocks(path: Path, bad: list[str]) -> Iterator[list[dict[str, Any]]]:
    block: list[dict[str, Any]] = []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            row = _row(line)
            if isinstance(row, str):
                bad.append(f"{number}: {row}")
                continue
            block.append(row)
            if len(block) == TEXTS_AT_ONCE:
                yield block
                block = []
    if block:
        yield block


def _row(line: bytes) -> dict[str, Any] | str:
    """The row, or why it is none."""
    try:
        row = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return f"not JSON ({error})"
    if not isinstance(row, dict):
        return "not a JSON object"
    if not isinstance(row.get("prompt"), str):
        return "no text in 'prompt'"
    return row
