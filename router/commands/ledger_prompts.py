"""``underdog ledger prompts``: what was asked and answered, where the operator lets it be kept."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from router.commands.options import config_option, home_option, json_option, print_json
from router.settings import load_settings


@click.group("prompts")
def command() -> None:
    """Prompts and answers that the ledger keeps where `ledger_prompts` is on."""


@command.command()
@json_option
def key(as_json: bool) -> None:
    """Make a key to encrypt them by: set it as UNDERDOG_LEDGER_PROMPTS_KEY, and keep a copy in a safe place."""
    from router.ledger.prompts import new_key

    made = new_key()
    if as_json:
        print_json({"key": made})
    else:
        click.echo(made)


@command.command()
@click.argument("request_id")
@home_option
@config_option
@click.option("--json", is_flag=True, expose_value=False, help="Print JSON; it does so anyway.")
def show(*, request_id: str, home: str | None, config: Path | None) -> None:
    """Print the messages and the answer of one request, as JSON."""
    from router.database import open_database
    from router.ledger.opening import prompt_keys
    from router.ledger.prompts import read_prompt

    settings = load_settings(flags={"home": home}, config=config)
    with closing(open_database(settings, "ledger")) as database:
        print_json(read_prompt(database, request_id, prompt_keys(settings)))
