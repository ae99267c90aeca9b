"""What ``underdog cache`` prints for people."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router.cache.inventory import EntryDetail, EntryInfo, EntryList
from router.commands.fitting import fitting
from router.commands.printable import printable

ID_CHARS = 12

QUESTION_WIDTH = 20
"""Characters of a line that a question has at least."""

_COLUMNS = ("id", "age", "left", "hits", "bytes", "saved USD", "model")
_DISPENSABLE = ("bytes", "left", "age", "hits")
"""Columns that go, in this order, where the terminal is too narrow."""

_STEPS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def show_stats(stats: dict[str, Any], where: str) -> None:
    """Print figures, one a line; groups of them indented."""
    console = Console(highlight=False)
    console.print(escape(f"Cache of {where}"))
    for name, value in stats.items():
        if isinstance(value, dict):
            console.print(f"  {name}:")
            for inner, figure in value.items():
                console.print(escape(f"    {inner:<16} {_figure(figure)}"))
        else:
            console.print(escape(f"  {name:<18} {_figure(value)}"))


def show_list(found: EntryList, where: str, *, width: int | None) -> None:
    """Print a table of entries; ``width`` is the number of characters of a question, None where none is shown."""
    console = Console(highlight=False)
    question = ["question"] if width else []
    rows = [dict(zip([*_COLUMNS, *question], _cells(entry, width), strict=True)) for entry in found.entries]
    spare = QUESTION_WIDTH if question else 0
    columns = fitting(lambda left: _table(left, rows), _COLUMNS, _DISPENSABLE, console, spare=spare)
    console.print(_table([*columns, *question], rows))
    more = " (the file is still being read)" if found.loading else ""
    console.print(escape(f"{len(found.entries):,} of {found.total:,} entries of {where}{more}."))


def show_entry(found: EntryDetail) -> None:
    """Print one entry with question and answer."""
    console = Console(highlight=False)
    entry = found.entry
    about = {
        "id": entry.id,
        "model": f"{entry.model} ({entry.route})",
        "age": f"{span(entry.age_s)}; {span(entry.expires_in_s)} left",
        "hits": f"{entry.hits:,}",
        "bytes": f"{entry.bytes:,}",
        "cost": _dollars(entry.cost_usd),
        "saved": _dollars(entry.saved_usd),
    }
    for name, text in about.items():
        console.print(escape(f"{name:<6} {printable(text)}"))
    if found.turns is None:
        console.print("\nWhat was asked is not kept: only the very same request can hit.")
    for turn in found.turns or ():
        console.print(escape(f"\nasked: {printable(turn, lines=True)}"))
    console.print(escape(f"\nanswer: {printable(found.answer or '', lines=True)}"))


def span(seconds: float) -> str:
    """A length of time in one unit, such as ``3h``."""
    unit, length = next((step for step in _STEPS if seconds >= step[1]), _STEPS[-1])
    return f"{int(seconds // length)}{unit}"


def _table(columns: list[str], rows: list[dict[str, str]]) -> Table:
    table = Table()
    for name in columns:
        if name in ("model", "question"):
            table.add_column(name, overflow="fold")
        else:
            table.add_column(name, justify="left" if name == "id" else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(escape(row[name]) for name in columns))
    return table


def _cells(entry: EntryInfo, width: int | None) -> list[str]:
    cells = [
        entry.id[:ID_CHARS],
        span(entry.age_s),
        span(entry.expires_in_s),
        f"{entry.hits:,}",
        f"{entry.bytes:,}",
        _dollars(entry.saved_usd),
        printable(entry.model),
    ]
    if width:
        question = printable(entry.question or "-")
        cells.append(question if len(question) <= width else question[: width - 1] + "…")
    return cells


def _dollars(amount: float | None) -> str:
    return "-" if amount is None else f"{amount:.6f}"


def _figure(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "-" if value is None else str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.6g}" if isinstance(value, float) else printable(str(value))
