"""The comparison of verifiers as one table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from textwrap import wrap

from training.pairs.figures import Figures
from training.pairs.measure import Served

LEGEND = (
    "served: rewordings answered from the cache where at most 1 % (5 %) of the traps are, by the best threshold there "
    "is; new kinds: where only traps of families count that the fit never saw. bounded: the threshold comes from the "
    "other folds (95 % upper limit of traps answered at most 1 %), with the traps then answered; Quora's pairs are "
    "served at the threshold of the questions. second alone and words changed cannot compare: what they serve is style."
)
LEGEND_WIDTH = 110
HEADER = ("", "AUC", "served 1 %", "5 %", "new kinds 1 %", "5 %", "bounded", "wrong", "wrong, new kinds")


def table(rows: Sequence[Figures]) -> list[str]:
    """Lines of the table, source by source, the legend last."""
    lines: list[str] = []
    for source, of_source in groupby(sorted(rows, key=lambda row: row.source), key=lambda row: row.source):
        found = list(of_source)
        pairs = found[0].best[0]
        lines += [f"{source}: {pairs.hits:,} rewordings, {pairs.traps:,} traps", *_aligned(found), ""]
    return [*lines, *wrap(LEGEND, LEGEND_WIDTH)]


def _aligned(rows: Sequence[Figures]) -> list[str]:
    cells = [HEADER, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADER))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]


def _cells(row: Figures) -> tuple[str, ...]:
    return (
        row.contender,
        f"{row.auc:.3f}",
        *(_served(at) for at in (*row.best, *row.best_unseen)),
        _served(row.bounded),
        _wrong(row.bounded),
        _wrong(row.bounded_unseen),
    )


def _served(at: Served | None) -> str:
    return "" if at is None or not at.traps else f"{at.served_share:.1%}"


def _wrong(at: Served | None) -> str:
    return "" if at is None or not at.traps else f"{at.wrong} of {at.traps} ({at.wrong_share:.2%})"
