"""``underdog teams``: make, list, show, change and delete teams, on the database itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from router.commands.account_options import (
    accounts_at,
    blocked_option,
    clear_option,
    form_of,
    form_options,
    name_option,
    place_options,
)
from router.commands.options import print_json

if TYPE_CHECKING:
    from router.accounts import Team

LISTED = 100


@click.group("teams")
def command() -> None:
    """Make teams, whose keys share limits, a budget and a cache.

    Works on the database itself, with or without a server; servers that run heed it at once. TEAM is a team's id or
    its name.
    """


@command.command()
@click.argument("name")
@form_options
@place_options
def create(*, home: str | None, config: Path | None, as_json: bool, **given: Any) -> None:
    """Make a team of this name."""
    with accounts_at(home, config, writes=True) as accounts:
        _show(accounts.create_team(form_of(given)), as_json)


@command.command("list")
@click.option("--deleted", is_flag=True, help="The deleted ones as well.")
@click.option("--after", metavar="ID", help="Go on after this team.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=LISTED, show_default=True, help="Teams shown.")
@place_options
def list_(
    *, deleted: bool, after: str | None, limit: int, home: str | None, config: Path | None, as_json: bool
) -> None:
    """List teams, newest first."""
    from router.accounts.store import Which
    from router.accounts.views import team_list
    from router.commands.account_tables import show_teams

    ended: Literal["any", "no"] = "any" if deleted else "no"
    with accounts_at(home, config) as accounts:
        page = accounts.teams(Which(ended=ended, after=after, limit=limit))
    listed = team_list(page)
    if as_json:
        print_json(listed)
    else:
        show_teams(listed)


@command.command()
@click.argument("team")
@place_options
def show(*, team: str, home: str | None, config: Path | None, as_json: bool) -> None:
    """Show a team."""
    from router.accounts.finding import find_team

    with accounts_at(home, config) as accounts:
        _show(find_team(accounts, team), as_json)


@command.command()
@click.argument("team")
@name_option
@blocked_option
@form_options
@clear_option
@place_options
def update(
    *, team: str, clear: tuple[str, ...], home: str | None, config: Path | None, as_json: bool, **given: Any
) -> None:
    """Change what is given of a team. It holds from the next request on, for all of its keys."""
    from router.accounts.finding import find_team

    form = form_of(given, clear=clear)
    if form == b"{}":
        raise click.UsageError("Nothing to change; see --help.")
    with accounts_at(home, config, writes=True) as accounts:
        _show(accounts.change_team(find_team(accounts, team).id, form), as_json)


@command.command()
@click.argument("team")
@click.option("--yes", is_flag=True, help="Do not ask.")
@place_options
def delete(*, team: str, yes: bool, home: str | None, config: Path | None, as_json: bool) -> None:
    """Delete a team and revoke all of its keys, at once and for good."""
    from router.accounts.finding import MANY, find_team
    from router.accounts.store import Which
    from router.accounts.views import team_view

    with accounts_at(home, config, writes=True) as accounts:
        found = find_team(accounts, team)
        if not yes:
            number = len(accounts.keys(Which(team=found.id, limit=MANY)).items)
            keys_of_it = {0: "It has no keys", 1: "Its key is revoked"}.get(number, f"Its {number:,} keys are revoked")
            question = f"{keys_of_it}. Delete the team '{found.form.name}', at once and for good?"
            click.confirm(question, abort=True, err=True)
        deleted, keys = accounts.delete_team(found.id)
    if as_json:
        print_json(team_view(deleted))
    else:
        click.echo(f"The team '{deleted.form.name}' is deleted. Keys revoked with it: {keys:,}.")


def _show(team: Team, as_json: bool) -> None:
    from router.accounts.views import team_view
    from router.commands.account_tables import show_view

    if as_json:
        print_json(team_view(team))
    else:
        show_view(team_view(team))
