"""``underdog doctor``: what is here, and what to make of it."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import click

from router.commands.named_models import named_servers, names_model
from router.commands.options import config_option, home_option, json_option, print_json
from router.settings import load_settings

ATTENTION_STATUS = 3
"""Exit status where something should be mended."""


@click.command("doctor")
@click.option(
    "--context",
    type=click.IntRange(min=512),
    default=8192,
    show_default=True,
    help="Tokens that the recommended model should hold.",
)
@click.option("--port", "ports", type=click.IntRange(1, 65535), multiple=True, help="Look for a server here too.")
@home_option
@config_option
@json_option
def command(*, context: int, ports: tuple[int, ...], home: str | None, config: Path | None, as_json: bool) -> None:
    """Look at this machine: hardware, model servers, keys; recommend a model that fits.

    Asks loopback addresses only, and sends no key. Of keys it names the variable, never the value. Exit status: 0, or 3
    where something should be mended, such as a broken driver or a full disk.
    """
    from router.commands.doctor_tables import show
    from router.doctor import examine

    settings = load_settings(flags={"home": home}, config=config)
    report = asyncio.run(
        examine(
            settings.home_path,
            os.environ,
            weak=names_model(settings, "weak"),
            strong=names_model(settings, "strong"),
            named=named_servers(settings),
            context=context,
            also=ports,
        )
    )
    if as_json:
        print_json(report)
    else:
        show(report)
    if report.attention:
        sys.exit(ATTENTION_STATUS)
