"""Tables with as many columns as the terminal has room for: a name or an amount that is cut off is worse than none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

_ENDLESS = 10_000


def fits(table: Table, console: Console, *, spare: int = 0) -> bool:
    """Whether every cell of a table has room on its lines, and so many characters are left."""
    return Measurement.get(console, console.options.update(width=_ENDLESS), table).maximum + spare <= console.width


def fitting(
    make: Callable[[list[str]], Table],
    columns: Sequence[str],
    dispensable: Sequence[str],
    console: Console,
    *,
    spare: int = 0,
) -> list[str]:
    """All columns, or those that are left once their table fits, or nothing more can go.

    Args:
        make: makes the table of some columns.
        columns: all of them, by name.
        dispensable: those that go where there is no room, the first first.
        console: where it is to be printed.
        spare: characters of a line that are to be left, for a column that may fold.
    """
    left = list(columns)
    for name in dispensable:
        if fits(make(left), console, spare=spare):
            break
        left.remove(name)
    return left
