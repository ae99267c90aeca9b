"""What ``underdog replay`` prints for people."""

from __future__ import annotations

from datetime import UTC

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from router.commands.few_signs import money
from router.commands.printable import printable
from router.commands.replay_told import Replayed, Row, Told
from router.replay.left_out import WHY

PIPED_WIDTH = 160
"""Characters of a line where no terminal says how many it has."""

NARROW = 80
"""Columns below which intervals take two lines, and what is the difference of two others is left out."""


def show(told: Replayed) -> None:
    """Print the table, and what must be known to read it."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=max(console.width, PIPED_WIDTH))
    console.print(_heading(told), highlight=False, markup=False)
    console.print(_table(told.rows, narrow=console.width < NARROW))
    for line in _notes(told):
        # Reasons are words of whoever wrote the file.
        console.print(printable(line), highlight=False, markup=False)


def _heading(told: Replayed) -> str:
    span = ""
    if told.since is not None and told.until is not None:
        begin, end = told.since.astimezone(UTC), told.until.astimezone(UTC)
        span = f", from {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
    return f"{told.n:,} request{'' if told.n == 1 else 's'}{span}, decided again by {told.artifact}"


def _table(rows: list[Row], *, narrow: bool) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("threshold", overflow="fold")
    figures = ["strong share", "cost", "quality"] if narrow else ["strong share", "cost", "saved", "quality"]
    for name in figures:
        table.add_column(name.replace(" ", "\n") if narrow else name, justify="right", overflow="fold")
    for row in rows:
        told = {
            "strong share": _share(row.strong_share),
            "cost": _dollars(row.cost_usd),
            "saved": _dollars(row.saved_usd),
            "quality": _share(row.quality),
        }
        cells = [told[name].replace(" to ", "\nto ") if narrow else told[name] for name in figures]
        table.add_row(_name(row), *cells)
    return table


def _name(row: Row) -> str:
    lines = [row.called or ""] if row.threshold is None else [f"{row.threshold:.4f}", row.called or ""]
    return "\n".join(line for line in lines if line)


def _share(told: Told) -> str:
    value, low, high = (100 * float(end) for end in (told.value, told.low, told.high))
    return f"{value:.1f}%\n({low:.0f} to {high:.0f})"


def _dollars(told: Told | None) -> str:
    if told is None:
        return "unknown"
    value, low, high = (money(str(end)) for end in (told.value, told.low, told.high))
    return f"{value}\n({low} to {high})"


def _notes(told: Replayed) -> list[str]:
    low, high = told.answer_lengths
    meant = (
        "In brackets: 95 % for other requests like these. Amounts hold besides that the strong model's answers have "
        f"{low:g} to {high:g} times the tokens of the weak model's; saved is against all strong."
    )
    expected = (
        "Quality: 0 % = always weak, 100 % = always strong; expected of the win rates, not measured (docs/replay.md)."
    )
    notes = [meant, expected]
    if told.left_out:
        others = "; ".join(f"{count:,}: {WHY.get(why, why)}" for why, count in sorted(told.left_out.items()))
        total = sum(told.left_out.values())
        notes.append(
            f"Left out, since no threshold moves them: {total:,} ({others}). They cost {money(told.left_out_usd)}."
        )
    if told.unanswered:
        notes.append(f"Never answered: {told.unanswered:,}; {told.answer_tokens} tokens are taken for an answer.")
    if told.rescored:
        notes.append(f"Scored by another artifact, and again by this one: {told.rescored:,}.")
    if any(row.cost_usd is None for row in told.rows):
        notes.append("Cost is unknown: name both models, and set [[prices]] where no list has theirs (docs/costs.md).")
    return notes
