"""The comparison as one table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from training.calibration_error import CalibrationError
from training.selection.figures import ALL, Figures, Votes

LEGEND = (
    "exams: rank correlation of score and difficulty, each source held out in turn (standard error). votes: the same, "
    "in folds. AUC: who won a held-out vote, and how much better than by the prompt's length (95 %). loss: log loss of "
    "the win rates on votes, less that of a constant; below 0 is better. {sets}: AUC on prompts that are easy or hard "
    "at a glance. error: debiased calibration error of the win rate over all labels (95 %), votes and exams alone."
)

LEGEND_WIDTH = 110


def table(rows: Sequence[Figures]) -> list[str]:
    """Lines of the table, the legend last."""
    sets = list(rows[0].clear_cut) if rows else []
    header = ["", "exams", "votes", "AUC", "over length", "loss", *sets, "error", "votes", "exams", "fit s"]
    cells = [header, *(_cells(row, sets) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    return [*lines, "", *wrap(LEGEND.format(sets=" and ".join(sets) or "clear-cut"), LEGEND_WIDTH)]


def _cells(row: Figures, sets: Sequence[str]) -> list[str]:
    return [
        row.name,
        f"{row.exam:+.3f} ({row.exam_se:.3f})" if row.exams else "",
        *_vote_cells(row.votes),
        *(f"{row.clear_cut[name]:.3f}" for name in sets),
        _with_interval(row.calibration.get(ALL)),
        _alone(row.calibration.get("chat")),
        _alone(row.calibration.get("exam")),
        "" if row.fit_seconds is None else f"{row.fit_seconds:.1f}",
    ]


def _vote_cells(votes: Votes | None) -> list[str]:
    if votes is None:
        return ["", "", "", ""]
    low, high = votes.auc_over_length_ci
    return [
        f"{votes.rank_correlation:+.3f}",
        f"{votes.auc:.3f}",
        f"{votes.auc_over_length:+.3f} [{low:+.3f}, {high:+.3f}]",
        f"{votes.log_loss - votes.prior_log_loss:+.4f}",
    ]


def _with_interval(error: CalibrationError | None) -> str:
    return "" if error is None else f"{error.error:.3f} [{error.ci[0]:.3f}, {error.ci[1]:.3f}]"


def _alone(error: CalibrationError | None) -> str:
    return "" if error is None else f"{error.error:.3f}"
