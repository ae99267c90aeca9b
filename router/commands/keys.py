"""``underdog keys``: make, list, show, change, rotate and revoke keys, on the database itself."""

from __future__ import annotations

from datetime import UTC, datetime
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
from router.commands.options import Command, print_json
from router.commands.span import Moment, Span

if TYPE_CHECKING:
    from router.accounts import Accounts, Issued

LISTED = 100


def _holder_options(command: Command) -> Command:
    """What a key's form has beyond a team's."""
    for option in (
        click.option("--expires", "expires_at", type=Moment(), metavar="WHEN", help="A day, a time, or such as 90d."),
        click.option("--user", help="Whose key it is, for reports: any id."),
        click.option("--team", help="Id or name of its team."),
        name_option,
    ):
        command = option(command)
    return command


@click.group("keys")
def command() -> None:
    """Make keys for callers, and end them.

    Works on the database itself, with or without a server; servers that run heed it at once. KEY is a key's id, what
    its text begins with (sk-ud-...), or a name that no other key has.
    """


@command.command()
@_holder_options
@form_options
@place_options
def create(*, team: str | None, home: str | None, config: Path | None, as_json: bool, **given: Any) -> None:
    """Make a key, and print it: this once, since it is kept nowhere."""
    with accounts_at(home, config, writes=True) as accounts:
        _say_issued(accounts.create_key(form_of({**given, "team": _team_id(accounts, team)})), as_json, "made")


@command.command("list")
@click.option("--team", help="Keys of this team only, by its id or name.")
@click.option("--user", help="Keys of this user only.")
@click.option("--revoked", is_flag=True, help="The revoked ones as well.")
@click.option("--after", metavar="ID", help="Go on after this key.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=LISTED, show_default=True, help="Keys shown.")
@place_options
def list_(
    *,
    team: str | None,
    user: str | None,
    revoked: bool,
    after: str | None,
    limit: int,
    home: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """List keys, newest first."""
    from router.accounts.finding import team_names
    from router.accounts.store import Which
    from router.accounts.views import key_list
    from router.commands.account_tables import show_keys

    ended: Literal["any", "no"] = "any" if revoked else "no"
    with accounts_at(home, config) as accounts:
        which = Which(team=_team_id(accounts, team), user=user, ended=ended, after=after, limit=limit)
        page, teams = accounts.keys(which), team_names(accounts)
    listed = key_list(page, datetime.now(UTC))
    if as_json:
        print_json(listed)
    else:
        show_keys(listed, teams)


@command.command()
@click.argument("key")
@place_options
def show(*, key: str, home: str | None, config: Path | None, as_json: bool) -> None:
    """Show a key; of its secret there is nothing to show."""
    from router.accounts.finding import find_key

    with accounts_at(home, config) as accounts:
        _show(accounts, find_key(accounts, key).id, as_json)


@command.command()
@click.argument("key")
@_holder_options
@blocked_option
@form_options
@clear_option
@place_options
def update(
    *,
    key: str,
    team: str | None,
    clear: tuple[str, ...],
    home: str | None,
    config: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Change what is given of a key. It holds from the next request on."""
    from router.accounts.finding import find_key

    with accounts_at(home, config, writes=True) as accounts:
        form = form_of({**given, "team": _team_id(accounts, team)}, clear=clear)
        if form == b"{}":
            raise click.UsageError("Nothing to change; see --help.")
        _show(accounts, accounts.change_key(find_key(accounts, key).id, form).id, as_json)


@command.command()
@click.argument("key")
@click.option("--grace", type=Span(), default=0.0, metavar="SPAN", help="How long the old one goes on, such as 1h.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@place_options
def rotate(*, key: str, grace: float, yes: bool, home: str | None, config: Path | None, as_json: bool) -> None:
    """Give a key a new secret, and print it: this once. Its id, its limits and its history stay."""
    from router.accounts.finding import find_key

    with accounts_at(home, config, writes=True) as accounts:
        found = find_key(accounts, key)
        if not yes and not grace:
            click.confirm(f"End the secret that the key {found.label} has now, at once?", abort=True, err=True)
        _say_issued(accounts.rotate_key(found.id, grace_s=grace), as_json, "rotated")


@command.command()
@click.argument("keys", metavar="KEY...", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@place_options
def revoke(*, keys: tuple[str, ...], yes: bool, home: str | None, config: Path | None, as_json: bool) -> None:
    """End keys at once and for good."""
    from router.accounts.finding import find_key
    from router.accounts.views import key_view

    with accounts_at(home, config, writes=True) as accounts:
        found = [find_key(accounts, key) for key in keys]
        if not yes:
            labels = ", ".join(key.label for key in found)
            click.confirm(f"Revoke {labels} at once and for good?", abort=True, err=True)
        revoked = [accounts.revoke_key(key.id) for key in found]
    if as_json:
        print_json([key_view(key, datetime.now(UTC)) for key in revoked])
    else:
        for key in revoked:
            click.echo(f"The key {key.label} is revoked.")


def _team_id(accounts: Accounts, team: str | None) -> str | None:
    from router.accounts.finding import find_team

    return None if team is None else find_team(accounts, team).id


def _show(accounts: Accounts, key_id: str, as_json: bool) -> None:
    from router.accounts.views import key_view
    from router.commands.account_tables import show_view

    view = key_view(accounts.key(key_id), datetime.now(UTC))
    if as_json:
        print_json(view)
    else:
        show_view(view)


def _say_issued(issued: Issued, as_json: bool, done: str) -> None:
    from router.accounts.views import issued_view

    if as_json:
        print_json(issued_view(issued, datetime.now(UTC)))
        return
    click.echo(issued.text.reveal())
    click.echo(
        f"\nThe key {issued.key.label} is {done}. It is shown this once, and kept nowhere: put it somewhere safe.\n"
        "Callers send it as their API key.",
        err=True,
    )
