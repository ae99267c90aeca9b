"""``underdog fetch``: get the embedded LLM."""

from __future__ import annotations

import click

from router.commands.options import json_option, print_json
from router.settings import load_settings


@click.command("fetch")
@click.option("--home", help="Folder to keep it in.  [default: ~/.local/share/underdog]")
@json_option
def command(home: str | None, as_json: bool) -> None:
    """Fetch the embedded LLM and verify its hash. Does nothing where it is there."""
    from router.upstream.embedded.fetch import fetch_weights

    weights = fetch_weights(load_settings(flags={"home": home}).home_path)
    if as_json:
        print_json({"file": str(weights)})
    else:
        click.echo(weights)
