"""Labels of one's own traffic: which model got which prompt right, or whose answer was preferred."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite
from pathlib import Path
from statistics import fmean
from typing import Any

from msgspec import Struct

from router.errors import DataError
from training.forms import TEST_SET_COLUMN
from training.records import Drops, Labelled
from training.splits import group_of
from training.tables import Row, read_rows
from training.text import clean, number

WEAK, STRONG = "weak", "strong"

GRADES_OF_WINNER = {WEAK: (1.0, 0.0), STRONG: (0.0, 1.0), "tie": (1.0, 1.0), "both_bad": (0.0, 0.0)}
"""What a vote says about the two answers, as grades."""

FORMS = (
    "'weak_correct' (and 'strong_correct'), 'weak' (and 'strong'), 'scores' by model, or 'winner' "
    "(weak, strong, tie, both_bad)"
)


class Label(Struct, frozen=True, kw_only=True):
    """One prompt; ``weak`` and ``strong``, 0..1, say how good each answer was. ``strong`` is None where nobody asked.

    Without it the strong model is taken to be right, so that what it gains is what the weak model lacks.
    """

    prompt: str
    weak: float
    strong: float | None

    @property
    def gain(self) -> float:
        """What the strong model gains over the weak one, -1..1."""
        return (1.0 if self.strong is None else self.strong) - self.weak

    @property
    def strong_wins(self) -> float:
        """Whether the strong answer is strictly better; a share where the weak grade, alone, is one."""
        if self.strong is None:
            return 1.0 - self.weak
        return 1.0 if self.strong > self.weak else 0.0


class LabelSet(Struct, frozen=True, kw_only=True):
    """The labels of one file, all with grades of both models or all without the strong one's; what was left out."""

    labels: list[Label]
    drops: Drops

    @property
    def of_pairs(self) -> bool:
        """Whether both models were graded."""
        return self.labels[0].strong is not None


def read_labels(path: Path) -> LabelSet:
    """Read JSONL, JSON, CSV or Parquet. Several models in ``scores`` other than weak and strong stand in for the weak.

    Raises:
        DataError: nothing can be read, a row is of no known form, or only some rows grade the strong model.
    """
    drops = Drops()
    labels = list(_labels(read_rows(path, drops, path.name), drops, path.name))
    if not labels:
        raise DataError(f"{path}: holds no labels; give rows with 'prompt' and {FORMS}")
    graded = sum(label.strong is not None for label in labels)
    if graded not in (0, len(labels)):
        raise DataError(
            f"{path}: {graded} of {len(labels)} rows grade the strong model; grade it in every row or in none"
        )
    return LabelSet(labels=labels, drops=drops)


def as_labelled(labels: Sequence[Label], source: str) -> list[Labelled]:
    """The labels as the other stages read them; the target is the gain."""
    return [
        Labelled(
            prompt=label.prompt,
            source=source,
            family="exam",
            target=label.gain,
            strong_wins=label.strong_wins,
            weight=1.0,
            group=group_of(label.prompt),
        )
        for label in labels
    ]


def _labels(rows: Iterator[Row], drops: Drops, source: str) -> Iterator[Label]:
    for row in rows:
        prompt = row.values.get("prompt")
        text = clean(prompt) if isinstance(prompt, str) else ""
        if not text:
            drops.add(source, "empty prompt", example=row.place)
            continue
        weak, strong = _grades(row)
        yield Label(prompt=text, weak=weak, strong=strong)


def _grades(row: Row) -> tuple[float, float | None]:
    values = row.values
    if TEST_SET_COLUMN in values:
        raise DataError(
            f"{row.place}: this is an evaluation table; `train-router learning-curve` refits on parts of it"
        )
    if _present(values, "winner"):
        winner = str(values["winner"]).strip().lower()
        if winner not in GRADES_OF_WINNER:
            raise DataError(f"{row.place}: winner '{winner}' is none of {', '.join(GRADES_OF_WINNER)}")
        return GRADES_OF_WINNER[winner]
    for weak, strong in (("weak_correct", "strong_correct"), (WEAK, STRONG)):
        if _present(values, weak):
            return _grade(row, values, weak), _grade(row, values, strong) if _present(values, strong) else None
    scores = values.get("scores")
    if isinstance(scores, dict) and any(model != STRONG and _present(scores, model) for model in scores):
        return _of_scores(row, scores)
    raise DataError(f"{row.place}: no label in it; rows with {FORMS} are due")


def _of_scores(row: Row, scores: dict[str, Any]) -> tuple[float, float | None]:
    strong = _grade(row, scores, STRONG) if _present(scores, STRONG) else None
    if _present(scores, WEAK):
        return _grade(row, scores, WEAK), strong
    return fmean(_grade(row, scores, model) for model in scores if model != STRONG and _present(scores, model)), strong


def _present(values: dict[str, Any], name: str) -> bool:
    return values.get(name) not in (None, "")


def _grade(row: Row, values: dict[str, Any], name: str) -> float:
    try:
        grade = number(values[name])
    except (TypeError, ValueError):
        grade = float("nan")
    if not isfinite(grade) or not 0.0 <= grade <= 1.0:
        raise DataError(f"{row.place}: '{name}' is {values[name]!r}; a number from 0 (wrong) to 1 (right) is due")
    return grade
