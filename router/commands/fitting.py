"""Tables with as many columns as the terminal has room for: a name or an amount that is cut off is worse than none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

_ENDLESS = 10_000


def fits(table: Table, console: Console) -> bool:
    """Whether every cell of a table has room on its lines."""
    return Measurement.get(console, console.options.update(width=_ENDLESS), table).maximum <= console.width


def fitting(
    make: Callable[[list[str]], Table], columns: Sequence[str], dispensable: Sequence[str], console: Console
) -> Table:
    """The table of all columns, or of those that are left once it fits, or nothing more can go.

    Args:
        make: makes the table of some columns.
        columns: all of them, by name.
        dispensable: those that go where there is no room, the first first.
        console: where it is to be printed.
    """
    left = list(columns)
    table = make(left)
    for name in dispensable:
        if fits(table, console):
            break
        left = [each for each in left if each != name]
        table = make(left)
    return table
