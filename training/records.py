"""The records that training stages hand to one another: frozen, small, and the same whatever file they came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct

Winner = Literal["model_a", "model_b", "tie", "both_bad"]
"""Who won a battle. ``tie``: both answers were good. ``both_bad``: neither was."""

Family = Literal["chat", "exam"]
"""What kind of label a prompt carries: people's (or judges') preferences, or right and wrong."""


class Battle(Struct, frozen=True, kw_only=True):
    """One preference record: two models answered the same prompt, and somebody chose.

    ``prompt`` is the first turn of the user; ``turns`` has every turn of the user where there is more than one.
    ``degree``, 0..1, says how decided the winner's win was (1 for a plain vote; judges may grade).
    """

    prompt: str
    model_a: str
    model_b: str
    winner: Winner
    source: str
    language: str | None = None
    turns: tuple[str, ...] = ()
    degree: float = 1.0


class Graded(Struct, frozen=True, kw_only=True):
    """One prompt that several models answered, each answer graded 0 (wrong) to 1 (right).

    ``task`` is the part of the source that the prompt belongs to (a benchmark within a collection).
    """

    prompt: str
    source: str
    scores: dict[str, float]
    task: str = ""


class Pair(Struct, frozen=True, kw_only=True):
    """One row of a benchmark: what the weak and the strong model scored on this prompt (any unit).

    ``category`` is the kind of prompt, where the benchmark tells it.
    """

    prompt: str
    weak: float
    strong: float
    source: str
    category: str = ""


class Labelled(Struct, frozen=True, kw_only=True):
    """One prompt with what is to be learned from it.

    ``target``, 0..1, teaches the score: how hard the prompt is for the weak tier. ``strong_wins`` is for calibration:
    1 where the strong answer was strictly better, 0 where the weak one sufficed (ties too), a share in between where
    several votes or pairs of models spoke, None where nothing can be said. ``weight`` balances sources. ``group`` is
    equal for prompts that must not be split apart. ``both_bad``, 0..1: the share of its votes that called both answers
    bad, None where the source does not tell those from ties.
    """

    prompt: str
    source: str
    family: Family
    target: float
    strong_wins: float | None
    weight: float
    group: str
    both_bad: float | None = None


class Drops:
    """Counts every row that was left out, by source and reason; an example of each reason is kept.

    Examples hold a place (file and line) and never the text of a prompt.
    """

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._examples: dict[tuple[str, str], str] = {}

    def add(self, source: str, reason: str, *, example: str | None = None, count: int = 1) -> None:
        """Count ``count`` rows of ``source`` as dropped for ``reason``; the first ``example`` is kept."""
        key = (source, reason)
        self._counts[key] += count
        if example is not None:
            self._examples.setdefault(key, example)

    def merge(self, other: Drops) -> None:
        """Take over the counts of ``other``."""
        self._counts.update(other._counts)
        for key, example in other._examples.items():
            self._examples.setdefault(key, example)

    @property
    def total(self) -> int:
        """All rows dropped."""
        return sum(self._counts.values())

    def by_reason(self, source: str | None = None) -> dict[str, int]:
        """Reason -> rows dropped, of one source or of all, most frequent first."""
        counts: Counter[str] = Counter()
        for (where, reason), count in self._counts.items():
            if source is None or where == source:
                counts[reason] += count
        return dict(counts.most_common())

    def rows(self) -> list[tuple[str, str, int, str]]:
        """``(source, reason, rows, example)``, sorted by source, then most frequent first."""
        ordered = sorted(self._counts.items(), key=lambda item: (item[0][0], -item[1], item[0][1]))
        return [(*key, count, self._examples.get(key, "")) for key, count in ordered]

    def table(self, kept: Mapping[str, int] | None = None) -> str:
        """A plain-text table of what was dropped and why and, where ``kept`` is given, what was kept."""
        lines = [("source", "rows", "what became of them")]
        lines += [(source, f"{count:,}", "kept") for source, count in sorted((kept or {}).items())]
        for source, reason, count, example in self.rows():
            lines.append((source, f"{count:,}", f"dropped: {reason}" + (f" (first at {example})" if example else "")))
        return _aligned(sorted(lines[1:], key=lambda line: line[0]), header=lines[0])


def _aligned(lines: Iterable[tuple[str, str, str]], *, header: tuple[str, str, str]) -> str:
    rows = [header, *lines]
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(f"{row[0]:<{first}}  {row[1]:>{second}}  {row[2]}" for row in rows)
