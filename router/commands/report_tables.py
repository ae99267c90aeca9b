"""What ``underdog report`` prints for people."""

from __future__ import annotations

import unicodedata
from decimal import Decimal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router.ledger.usage import UsageReport, UsageRow

_UNKNOWN = "unknown"


def show(report: UsageReport) -> None:
    """Print the table and what must be known to read it."""
    console = Console()
    if not report.rows:
        console.print("No requests in this period.")
        return
    console.print(_table(report))
    for line in _notes(report):
        console.print(line, highlight=False)


def _table(report: UsageReport) -> Table:
    with_time = any((row.routing_s, row.verifying_s, row.embedded_s) != (0, 0, 0) for row in report.rows)
    table = Table(show_footer=bool(report.grouped_by))
    footers = ["total" if place == 0 else "" for place in range(len(report.grouped_by))]
    for group, footer in zip(report.grouped_by, footers, strict=True):
        table.add_column(group, footer=footer)
    for figure, footer in _figures(report.total, with_time=with_time).items():
        table.add_column(figure, footer=footer, justify="right")
    for row in report.rows:
        names = [_name(row.by[name]) for name in report.grouped_by]
        table.add_row(*names, *_figures(row, with_time=with_time).values())
    return table


def _figures(row: UsageRow, *, with_time: bool) -> dict[str, str]:
    figures = {
        "requests": f"{row.requests:,}",
        "errors": f"{row.errors:,}",
        "tokens in": f"{row.prompt_tokens:,}",
        "out": f"{row.completion_tokens:,}",
        "estimated": f"{row.estimated_requests / row.requests:.1%}" if row.requests else "-",
        "cost": _cost(row),
        "baseline": _dollars(row.baseline_usd),
        "saved": _saved(row),
    }
    if with_time:
        figures["own time"] = _own_time(row)
    return figures


def _cost(row: UsageRow) -> str:
    known = _dollars(row.cost_usd)
    if not row.unpriced_requests or row.cost_usd is None:
        return known
    return f"{known} + {row.unpriced_requests:,} unknown"


def _saved(row: UsageRow) -> str:
    if row.saved_usd is None:
        return _UNKNOWN
    text = _dollars(row.saved_usd)
    if row.saved_low_usd != row.saved_high_usd:
        text += f" ({_dollars(row.saved_low_usd)} to {_dollars(row.saved_high_usd)})"
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
    value = Decimal(amount)
    return f"{'-' if value < 0 else ''}${abs(value):,.6f}"


def _name(text: str | None) -> str:
    """A name as it may stand in a terminal: some are the caller's."""
    if text is None:
        return "-"
    return escape("".join(" " if unicodedata.category(sign) in ("Cc", "Cf", "Zl", "Zp") else sign for sign in text))
