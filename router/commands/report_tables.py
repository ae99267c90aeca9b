"""What ``underdog report`` prints for people."""

from __future__ import annotations

import unicodedata
from decimal import Decimal

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router.commands.fitting import fits, fitting
from router.commands.report_names import Names
from router.ledger.usage import UsageReport, UsageRow

_UNKNOWN = "unknown"

_NOTHING = ("0", "0.0%", "0.0 s")

_DISPENSABLE = ("own time", "estimated", "errors", "baseline", "tokens in", "out")
"""Columns that go, in this order, where the terminal is too narrow; the lines below the table have the totals."""

NAME_WIDTH = 5
"""Characters of a line that names have at least."""

PIPED_WIDTH = 160
"""Characters of a line where no terminal says how many it has."""


def show(report: UsageReport, names: Names, console: Console | None = None) -> None:
    """Print the table, teams and keys by their names where they have one, and what must be known to read it."""
    console = console or Console()
    if not console.is_terminal:
        console = Console(width=max(console.width, PIPED_WIDTH))  # nobody there whose lines would break
    if not report.rows:
        console.print("No requests in this period.")
        return
    console.print(_fitting(report, names, console))
    for line in _notes(report):
        console.print(line, highlight=False)


def _fitting(report: UsageReport, names: Names, console: Console) -> Table:
    """The table as it fits: with fewer columns where they must go, and in the end intervals on lines of their own."""
    told = [_figures(row) for row in (*report.rows, report.total)]
    # What is nowhere needs no column.
    columns = [name for name in told[0] if any(figures[name] not in _NOTHING for figures in told)]
    dispensable = [name for name in _DISPENSABLE if name in columns]
    columns = fitting(lambda left: _table(report, names, told, left), columns, dispensable, console)
    table = _table(report, names, told, columns)
    if fits(table, console):
        return table
    broken = [{name: text.replace(" to ", "\nto ") for name, text in figures.items()} for figures in told]
    return _table(report, names, broken, columns)


def _table(report: UsageReport, names: Names, told: list[dict[str, str]], columns: list[str]) -> Table:
    table = Table(show_footer=bool(report.grouped_by), box=SIMPLE_HEAD, pad_edge=False)
    for place, group in enumerate(report.grouped_by):
        table.add_column(group, footer="" if place else "total", overflow="fold", min_width=NAME_WIDTH)
    for name in columns:
        table.add_column(name, footer=told[-1][name], justify="right", no_wrap=True)
    for row, figures in zip(report.rows, told, strict=False):
        groups = [_name(names.get((kind, row.by[kind] or ""), row.by[kind])) for kind in report.grouped_by]
        table.add_row(*groups, *(figures[name] for name in columns))
    return table


def _figures(row: UsageRow) -> dict[str, str]:
    return {
        "requests": f"{row.requests:,}",
        "errors": f"{row.errors:,}",
        "tokens in": f"{row.prompt_tokens:,}",
        "out": f"{row.completion_tokens:,}",
        "estimated": f"{row.estimated_requests / row.requests:.1%}" if row.requests else "0",
        "cost": _cost(row),
        "baseline": _dollars(row.baseline_usd),
        "saved": _saved(row),
        "own time": _own_time(row),
    }


def _cost(row: UsageRow) -> str:
    known = _dollars(row.cost_usd)
    if not row.unpriced_requests or row.cost_usd is None:
        return known
    return f"{known}\n+ {row.unpriced_requests:,} unknown"


def _saved(row: UsageRow) -> str:
    if row.saved_usd is None:
        return _UNKNOWN
    text = _dollars(row.saved_usd)
    if row.saved_low_usd != row.saved_high_usd:
        text += f"\n({_dollars(row.saved_low_usd)} to {_dollars(row.saved_high_usd)})"
    return text


def _own_time(row: UsageRow) -> str:
    seconds = f"{row.routing_s + row.verifying_s + row.embedded_s:,.1f} s"
    return seconds if row.compute_usd is None else f"{seconds}, {_dollars(row.compute_usd)}"


def _notes(report: UsageReport) -> list[str]:
    low, high = report.baseline_lengths
    total = report.total
    meant = (
        "Saved: against the strong model at the same tokens; in brackets (95 %) had it answered in its own number of "
        f"words, {low} to {high} times those of another model."
    )
    notes = [meant]
    if total.unpriced_requests:
        notes.append(
            f"{total.unpriced_requests:,} requests were answered by a model whose price is not known; they are in no "
            "amount. `underdog prices show MODEL`, or set [[prices]]."
        )
    if total.estimated_requests:
        notes.append(f"{total.estimated_requests:,} requests have tokens that were estimated, since nobody said.")
    if total.saved_usd is not None and total.compute_usd is not None:
        net = Decimal(total.saved_usd) - Decimal(total.compute_usd)
        notes.append(f"Saved after what this machine itself took: {_dollars(str(net))}.")
    if any((total.routing_s, total.verifying_s, total.embedded_s)):
        notes.append(
            f"Own time: decisions {total.routing_s:,.1f} s, the cache's verdicts {total.verifying_s:,.1f} s, the "
            f"embedded LLM {total.embedded_s:,.1f} s."
        )
    return notes


def _dollars(amount: str | None) -> str:
    if amount is None:
        return _UNKNOWN
    value = round(Decimal(amount), 6)
    whole, _, fraction = f"{abs(value):,.6f}".partition(".")
    return f"{'-' if value < 0 else ''}${whole}.{fraction.rstrip('0'):0<2}"


def _name(text: str | None) -> str:
    """A name as it may stand in a terminal: some are the caller's."""
    if text is None:
        return "-"
    return escape("".join(" " if unicodedata.category(sign) in ("Cc", "Cf", "Zl", "Zp") else sign for sign in text))
