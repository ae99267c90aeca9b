"""The live table of ``underdog top``: as much as the terminal has room for, and one line where there is none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table
from rich.text import Text

from router.commands.few_signs import UNKNOWN, clock, milliseconds, money, percent, percentiles, shown, span
from router.commands.top_state import State, shares

NARROW = 72
"""Columns below which a table leaves out what matters less."""

ROOMY = 130
"""Columns from which names are shown at length."""

_ALARM = "bold red"

_STYLES = {
    "weak": "green",
    "strong": "magenta",
    "named": "cyan",
    "ready": "green",
    "failed": "red",
    "starting": "yellow",
}

_Line = dict[str, Any]


class View:
    """Draws a state over the whole terminal, the newest requests in what the rest leaves free.

    Args:
        state: what is known of the server.
        url: where it is.
    """

    def __init__(self, state: State, url: str) -> None:
        self._state = state
        self._url = url

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The head, the figures, the upstreams and the newest requests."""
        parts = list(self._parts(options.max_width))
        above = sum(len(console.render_lines(part, options.update(height=None), pad=False)) for part in parts)
        # A blank line and a line of heads; the last line of a terminal stays free.
        room = (options.height or options.size.height) - above - 3
        if self._state.snapshot is not None and room > 0:
            parts.append(Text())
            parts.append(_requests(list(self._state.requests)[-room:][::-1], options.max_width))
        yield Group(*parts)

    def _parts(self, width: int) -> Iterable[Text | Table]:
        yield self._head()
        if self._state.lost is not None:
            yield Text(f"The server is away ({self._state.lost}); trying again.", style=_ALARM)
        snapshot = self._state.snapshot
        if snapshot is not None:
            yield Text()
            yield _figures(self._state, snapshot, width)
            yield Text()
            yield _upstreams(snapshot["upstreams"], width)

    def _head(self) -> Text:
        session, snapshot = self._state.session, self._state.snapshot
        head = Text(f"Underdog {shown(session.get('version'))}", style="bold", no_wrap=True, overflow="ellipsis")
        head.append(f"  {self._url}", style="not bold")
        if snapshot is not None:
            head.append(f"  up {span(snapshot['uptime_s'])}", style="not bold")
        if "artifact" in session:
            head.append(f"  {shown(session['artifact'])} at {session['threshold']:.3f}", style="not bold")
        return head


def line(state: State, at: datetime) -> str:
    """The state in one line, for files and pipes, looked at at this time."""
    snapshot = state.snapshot
    if snapshot is None:
        return f"waiting: {state.lost or 'nothing was told yet'}"
    minute = snapshot["minute"]
    mix = "  ".join(f"{name} {percent(share)}" for name, share in shares(minute).items())
    latency = "/".join(milliseconds(minute["latency_ms"][name]) for name in ("p50", "p95"))
    away = "" if state.lost is None else f"  away: {state.lost}"
    return (
        f"{at:%H:%M:%S}  {state.per_second:.2f} req/s  {mix}  errors {minute['errors']}  "
        f"latency {latency}  in flight {snapshot['in_flight']}  cost {money(minute['cost_usd'])}  "
        f"saved {money(minute['saved_usd'])}{away}"
    )


def _figures(state: State, snapshot: _Line, width: int) -> Table:
    minute, totals = snapshot["minute"], snapshot["totals"]
    table = _table("", "last minute", "since the ledger began", right=(1, 2))
    _add(table, "requests", f"{minute['requests']:,} ({state.per_second:.2f}/s)", _of(totals, _count))
    ever = shares(totals) if totals is not None else dict.fromkeys(shares(minute))
    for name, share in shares(minute).items():
        _add(table, Text(name, style=_STYLES.get(name, "")), percent(share), percent(ever[name]))
    _add(table, "errors", _alarming(minute["errors"]), _of(totals, _errors))
    _add(table, "cost", money(minute["cost_usd"]), _of(totals, lambda all_: money(all_["cost_usd"])))
    _add(table, "saved", money(minute["saved_usd"]), _of(totals, lambda all_: _saved(all_, width)))
    _add(table, "latency p50/p95/p99", percentiles(minute["latency_ms"]), "")
    _add(table, "first token p50/p95/p99", percentiles(minute["first_token_ms"]), "")
    waiting = f" ({snapshot['waiting']:,} waiting for an equal one)" if snapshot["waiting"] else ""
    _add(table, "in flight", f"{snapshot['in_flight']:,}{waiting}", _worries(snapshot))
    return table


def _count(totals: _Line) -> str:
    return f"{totals['requests']:,}"


def _errors(totals: _Line) -> str:
    return f"{totals['by_outcome'].get('error', 0):,}"


def _of(totals: _Line | None, figure: Callable[[_Line], str]) -> str:
    return UNKNOWN if totals is None else figure(totals)


def _saved(totals: _Line, width: int) -> str:
    if totals["saved_low_usd"] is None or width < NARROW:
        return money(totals["saved_usd"])
    return f"{money(totals['saved_usd'])} ({money(totals['saved_low_usd'])} to {money(totals['saved_high_usd'])})"


def _alarming(count: int) -> Text:
    return Text(f"{count:,}", style=_ALARM if count else "")


def _worries(snapshot: _Line) -> Text:
    """What a person should know of beside the figures."""
    said = []
    if snapshot["memory"] == "tight":
        said.append("memory is tight")
    if snapshot["shared"] == "away":
        said.append("Redis is away")
    file = snapshot["settings_file"]
    if file is not None and file["state"] == "refused":
        said.append("the settings' file was refused")
    return Text(", ".join(said), style="bold yellow")


def _upstreams(upstreams: _Line, width: int) -> Table:
    table = _table("upstream", "model", "state", *(["deployments"] if width >= NARROW else []))
    for name, health in upstreams.items():
        if health is None:
            _add(table, shown(name), UNKNOWN, "none")
            continue
        state = Text(shown(health["state"]), style=_STYLES.get(health["state"], ""))
        deployments = ", ".join(_deployment(each) for each in health["deployments"])
        _add(table, shown(name), shown(health["model"]), state, *([deployments] if width >= NARROW else []))
    return table


def _deployment(condition: _Line) -> str:
    said = [f"{condition['in_flight']} in flight"]
    if condition["breaker"] != "closed":
        said.append(f"breaker {shown(condition['breaker'])}")
    if condition["resting_s"]:
        said.append(f"rests {condition['resting_s']:.0f} s")
    return f"{shown(condition['deployment'])} ({', '.join(said)})"


def _requests(lines: list[_Line], width: int) -> Table:
    columns = [column for column in _COLUMNS if width >= column.least_width]
    table = _table(*(column.head for column in columns), right=[at for at, each in enumerate(columns) if each.right])
    for at, column in enumerate(columns):
        table.columns[at].max_width = column.widths[width >= ROOMY]
    for line in lines:
        _add(table, *(column.cell(line) for column in columns))
    return table


def _win_rate(line: _Line) -> str:
    if line["win_rate"] is None or line["threshold"] is None:
        return UNKNOWN
    return f"{line['win_rate']:.3f} {'>=' if line['win_rate'] >= line['threshold'] else '<'} {line['threshold']:.3f}"


def _tokens(line: _Line) -> str:
    return f"{line['prompt_tokens']:,}+{line['completion_tokens']:,}"


def _table(*heads: str, right: Collection[int] = ()) -> Table:
    """A table without lines: every column that a terminal has is wanted."""
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), expand=False)
    for place, head in enumerate(heads):
        table.add_column(head, justify="right" if place in right else "left", no_wrap=True, overflow="ellipsis")
    return table


def _add(table: Table, *cells: str | Text) -> None:
    """A row; what is in brackets is text like any other."""
    table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in cells))


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the newest requests.

    ``least_width``: of the terminal, for it to be shown. ``widths``: its own at most, in a terminal that is not roomy
    and in one that is.
    """

    head: str
    cell: Callable[[_Line], str | Text]
    least_width: int = 0
    right: bool = False
    widths: tuple[int | None, int | None] = (None, None)


_COLUMNS = (
    _Column("time", lambda line: clock(line["at"])),
    _Column("route", lambda line: Text(shown(line["route"]), style=_STYLES.get(line["route"] or "", ""))),
    _Column("model", lambda line: shown(line["model"]), widths=(16, 28)),
    _Column("reason", lambda line: shown(line["reason"]), least_width=NARROW, widths=(10, 24)),
    _Column("cache", lambda line: shown(line["cache"]), least_width=60),
    _Column("status", lambda line: Text(str(line["status"]), style=_ALARM if line["outcome"] == "error" else "")),
    _Column("latency", lambda line: milliseconds(line["latency_ms"]), least_width=52, right=True),
    _Column("win rate", _win_rate, least_width=92, right=True),
    _Column("tokens", _tokens, least_width=104, right=True),
    _Column("first", lambda line: milliseconds(line["first_token_ms"]), least_width=116, right=True),
    _Column("cost", lambda line: money(line["cost_usd"]), least_width=116, right=True),
)
