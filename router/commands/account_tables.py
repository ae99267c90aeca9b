"""What ``underdog keys`` and ``underdog teams`` print for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router.accounts.forms import Form
from router.accounts.views import KeyList, KeyView, TeamList, TeamView
from router.commands.printable import printable

_WHOLE = ("id", "state", "expires", "since")
"""Columns whose words are not broken."""
_WHO = ("id", "label", "name", "team", "user", "state", "blocked", "expires_at")


def show_keys(keys: KeyList, teams: Mapping[str, str]) -> None:
    """Print a table of keys; ``teams`` are names by id."""
    rows = [
        (
            key.id,
            key.name,
            teams.get(key.team or "", key.team),
            key.user,
            key.state,
            *_rights(key),
            _day(key.expires_at),
        )
        for key in keys.data
    ]
    head = ("id", "name", "team", "user", "state", "models", "limits", "budget", "expires")
    _show(head, rows, keys.has_more, nobody="No keys.")


def show_teams(teams: TeamList) -> None:
    """Print a table of teams."""
    rows = [(team.id, team.name, _team_state(team), *_rights(team), _day(team.created_at)) for team in teams.data]
    head = ("id", "name", "state", "models", "limits", "budget", "since")
    _show(head, rows, teams.has_more, nobody="No teams.")


def show_view(view: KeyView | TeamView) -> None:
    """Print all of a key or a team, a field a line: who it is first."""
    console = Console(highlight=False)
    fields = msgspec.structs.asdict(view)
    first = [name for name in _WHO if name in fields]
    for name in (*first, *(name for name in fields if name not in (*first, "object"))):
        console.print(escape(f"{name:<20} {printable(_text(fields[name]))}"), soft_wrap=True)


def _show(head: Sequence[str], rows: Sequence[Sequence[str | None]], has_more: bool, *, nobody: str) -> None:
    console = Console(highlight=False)
    if not rows:
        console.print(nobody)
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    # What is empty in all rows would take the place of what is not: a terminal has 80 columns.
    told = [place for place in range(len(head)) if any(row[place] for row in rows)]
    for place in told:
        table.add_column(head[place], overflow="fold", no_wrap=head[place] in _WHOLE)
    for row in rows:
        table.add_row(*(escape(printable(cell)) if (cell := row[place]) else "-" for place in told))
    console.print(table)
    if has_more:
        console.print(f"There are more: --after {rows[-1][0]} goes on.")


def _rights(form: Form) -> tuple[str | None, str | None, str | None]:
    limits = {
        "/min": form.requests_per_minute,
        " tokens/min": form.tokens_per_minute,
        " at once": form.concurrent_requests,
    }
    return (
        None if form.models is None else ", ".join(form.models) or "none",
        ", ".join(f"{limit:,}{unit}" for unit, limit in limits.items() if limit is not None),
        None if form.budget_usd is None else f"${form.budget_usd:f} a {form.budget_period}",
    )


def _team_state(team: TeamView) -> str:
    if team.deleted_at is not None:
        return "deleted"
    return "blocked" if team.blocked else "active"


def _day(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d}"


def _text(value: Any) -> str:
    if value is None or value in ((), {}):
        return "-"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return msgspec.json.encode(value).decode() if isinstance(value, dict) else str(value)
