"""``underdog fetch``: get the embedded LLM."""

from __future__ import annotations

import click

from router.settings import load_settings


@click.command("fetch")
@click.option("--home", help="Folder to keep it in.  [default: ~/.local/share/underdog]")
def command(home: str | None) -> None:
    """Fetch the embedded LLM and verify its hash. Does nothing where it is there."""
    from router.upstream.embedded.fetch import fetch_weights

    click.echo(fetch_weights(load_settings(flags={"home": home}).home_path))
