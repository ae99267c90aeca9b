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
from training.graded.forms import STRONG, WEAK
from training.labels import tiers_of
from training.records import Drops, Graded, Labelled
from training.splits import group_of
from training.tables import Row, read_rows
from training.text import clean, number

GRADES_OF_WINNER = {WEAK: (1.0, 0.0), STRONG: (0.0, 1.0), "tie": (1.0, 1.0), "both_bad": (0.0, 0.0)}
"""What a vote says about the two answers, as grades."""

FEWEST_MODELS = 4
"""From so many models on, only the lower half of them stands in for the weak one."""

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
        """Whether the strong answer is strictly better; a share where the weak grade, alone, is one.

        Two wrong answers count as the weak one sufficing, for a strong call would be wasted. ``training.labels`` leaves
        them out: between models that do not serve they only tell that the question was hard.
        """
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
    """Read JSONL, JSON, CSV or Parquet.

    Rows whose ``scores`` name neither a weak nor a strong model are weak-only labels (``labels_of_several``).

    Raises:
        DataError: nothing can be read, a row is of no known form, or only some rows grade the strong model.
    """
    drops = Drops()
    read = list(_records(read_rows(path, drops, path.name), drops, path.name))
    several = [record for record in read if isinstance(record, Graded)]
    labels = [record for record in read if isinstance(record, Label)] + labels_of_several(several)
    if len(labels) < len(read):
        drops.add(path.name, "not answered by the models that stand in for the weak one", count=len(read) - len(labels))
    if not labels:
        raise DataError(f"{path}: holds no labels; give rows with 'prompt' and {FORMS}")
    graded = sum(label.strong is not None for label in labels)
    if graded not in (0, len(labels)):
        raise DataError(
            f"{path}: {graded} of {len(labels)} rows grade the strong model; grade it in every row or in none"
        )
    return LabelSet(labels=labels, drops=drops)


def labels_of_several(rows: Sequence[Graded]) -> list[Label]:
    """Weak-only labels from the grades of several models: the mean of the lower half of them by skill.

    The upper ones do not stand in for the strong model: where they do, and are not like it, the labels rank the wrong
    way round (``training/LOG.md``).

    Args:
        rows: of one table. Where there are fewer than ``FEWEST_MODELS``, all stand in for the weak one.

    Returns:
        one label for each row that these models answered.
    """
    models = frozenset(model for row in rows for model in row.scores)
    weak = tiers_of(rows).weak if len(models) >= FEWEST_MODELS else models
    return [
        Label(prompt=row.prompt, weak=fmean(grades), strong=None)
        for row in rows
        if (grades := [grade for model, grade in row.scores.items() if model in weak])
    ]


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


def _records(rows: Iterator[Row], drops: Drops, source: str) -> Iterator[Label | Graded]:
    for row in rows:
        prompt = row.values.get("prompt")
        text = clean(prompt) if isinstance(prompt, str) else ""
        if text:
            yield _record(row, text, source)
        else:
            drops.add(source, "empty prompt", example=row.place)


def _record(row: Row, prompt: str, source: str) -> Label | Graded:
    values = row.values
    if TEST_SET_COLUMN in values:
        raise DataError(
            f"{row.place}: this is an evaluation table; `train-router learning-curve` refits on parts of it"
        )
    if _present(values, "winner"):
        winner = str(values["winner"]).strip().lower()
        if winner not in GRADES_OF_WINNER:
            raise DataError(f"{row.place}: winner '{winner}' is none of {', '.join(GRADES_OF_WINNER)}")
        weak, strong = GRADES_OF_WINNER[winner]
        return Label(prompt=prompt, weak=weak, strong=strong)
    for names in (("weak_correct", "strong_correct"), (WEAK, STRONG)):
        if _present(values, names[0]):
            return _pair(row, prompt, values, *names)
    scores = values.get("scores")
    if isinstance(scores, dict) and any(model != STRONG and _present(scores, model) for model in scores):
        return _of_scores(row, prompt, scores, source)
    raise DataError(f"{row.place}: no label in it; rows with {FORMS} are due")


def _of_scores(row: Row, prompt: str, scores: dict[str, Any], source: str) -> Label | Graded:
    """The pair where the weak model is named; several stand in for it beside a strong one; else ungraded as yet."""
    if _present(scores, WEAK):
        return _pair(row, prompt, scores, WEAK, STRONG)
    grades = {model: _grade(row, scores, model) for model in scores if _present(scores, model)}
    if STRONG not in grades:
        return Graded(prompt=prompt, source=source, scores=grades)
    strong = grades.pop(STRONG)
    return Label(prompt=prompt, weak=fmean(grades.values()), strong=strong)


def _pair(row: Row, prompt: str, values: dict[str, Any], weak: str, strong: str) -> Label:
    grade = _grade(row, values, strong) if _present(values, strong) else None
    return Label(prompt=prompt, weak=_grade(row, values, weak), strong=grade)


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
