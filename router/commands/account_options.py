"""What `underdog keys` and `underdog teams` share: the options of a form, and the database that they work on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from router.commands.options import Command, config_option, home_option, json_option
from router.errors import UNREADABLE_JSON
from router.settings import load_settings

if TYPE_CHECKING:
    from router.accounts import Accounts

Decorator = Callable[[Command], Command]

_FORM: tuple[Decorator, ...] = (
    click.option("--model", "models", multiple=True, help="A name that may be asked for; * stands for any text."),
    click.option("--threshold", type=float, help="Threshold where a request says nothing of its own."),
    click.option("--min-threshold", type=float, help="No request goes below it: 1 leaves the weak model alone."),
    click.option("--max-threshold", type=float, help="No request goes above it: 0 leaves the strong model alone."),
    click.option("--requests-per-minute", type=int, help="Requests per minute."),
    click.option("--tokens-per-minute", type=int, help="Tokens per minute, of prompts and answers."),
    click.option("--concurrent-requests", type=int, help="Requests at once."),
    click.option("--budget-usd", help="Dollars to be spent in a period."),
    click.option("--budget-period", type=click.Choice(["day", "week", "month"]), help="The period.  [default: month]"),
    click.option("--budget-time-zone", help="Where it begins at midnight, such as Europe/Berlin.  [default: UTC]"),
    click.option(
        "--budget-when-spent",
        type=click.Choice(["refuse", "weak"]),
        help="Refuse requests, or let the weak model answer them.  [default: refuse]",
    ),
    click.option("--budget-pace/--no-budget-pace", default=None, help="Move the threshold so that the money lasts."),
    click.option(
        "--privacy",
        type=click.Choice(["any", "local-only"]),
        help="Keep its requests on the server's machine and its network.  [default: any]",
    ),
    click.option("--metadata", help="Your own: a JSON object."),
)
_PLACE: tuple[Decorator, ...] = (home_option, config_option, json_option)

blocked_option = click.option("--blocked/--no-blocked", default=None, help="Whether to turn it away for now.")
name_option = click.option("--name", help="A name for people.")


def form_options(command: Command) -> Command:
    """An option for each field that the forms of keys and teams share."""
    for option in reversed(_FORM):
        command = option(command)
    return command


def place_options(command: Command) -> Command:
    """What finds the database, and whether to print JSON."""
    for option in reversed(_PLACE):
        command = option(command)
    return command


def clear_option(command: Command) -> Command:
    """What brings defaults back."""
    about = "Take a field back to its default, such as budget-usd; may be given again."
    return click.option("--clear", multiple=True, metavar="FIELD", help=about)(command)


def form_of(given: Mapping[str, Any], *, clear: tuple[str, ...] = ()) -> bytes:
    """The form that was given by options, as JSON; fields that are to be cleared are null.

    Raises:
        click.ClickException: what was given is no text, or no JSON.
    """
    fields = {name: _field(name, value) for name, value in given.items() if value not in (None, ())}
    cleared = {name.replace("-", "_"): None for name in clear}
    if both := sorted(fields.keys() & cleared.keys()):
        raise click.UsageError(f"--clear {both[0]} and a value for it were given; keep one.")
    try:
        return msgspec.json.encode(fields | cleared)
    except UnicodeEncodeError:
        raise click.UsageError("An option is no valid UTF-8 text.") from None


@contextmanager
def accounts_at(home: str | None, config: Path | None, *, writes: bool = False) -> Iterator[Accounts]:
    """Keys and teams of a home folder, or of the database that the settings name. Made where they are written first.

    Raises:
        UnderdogError: the settings or the database cannot be used.
    """
    from router.accounts import Accounts
    from router.accounts.store import COMPONENT, STEPS
    from router.database import migrate, open_database, require_newest_schema

    database = open_database(load_settings(flags={"home": home}, config=config), "accounts")
    try:
        if writes:
            migrate(database, COMPONENT, STEPS)
        else:
            require_newest_schema(database, COMPONENT, STEPS)
        yield Accounts(database)
    finally:
        database.close()


def _field(name: str, value: Any) -> Any:
    if name == "metadata":
        try:
            msgspec.json.decode(value)
        except UNREADABLE_JSON:
            raise click.BadParameter(
                """must be a JSON object, such as '{"cost_centre": 7}'.""", param_hint="--metadata"
            ) from None
        return msgspec.Raw(value.encode())
    return value.isoformat() if isinstance(value, datetime) else value
