"""``underdog serve``: start the server."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import click

from router.commands.options import setting_options
from router.commands.printable import printable
from router.configured.given import placed
from router.errors import SettingsError
from router.settings import PREFIX, Sources, settings_of


@click.command("serve")
@click.option(
    "--yes", is_flag=True, help="Where no weak model is named, take one of this machine, or let Ollama pull one first."
)
@setting_options
def command(config: Path | None, *, yes: bool, **flags: Any) -> None:
    """Start the server.

    Keys have no flags: set UNDERDOG_MASTER_KEY, UNDERDOG_API_KEY, UNDERDOG_WEAK_API_KEY and UNDERDOG_STRONG_API_KEY, or
    use the TOML file.
    """
    # The first process of a container is sent no signal that it has no handler for: told to stop while it starts, it
    # would run until it is killed. Once it listens, it stops by a handler of its own.
    signal.signal(signal.SIGTERM, _leave)
    # One decision is too small for two threads: waking the second costs more than it saves. Before numpy is loaded.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from router.commands.first_start import tell_later, weak_flags
    from router.serve import run

    sources = Sources(flags=flags, config=config)
    given = sources.gather()
    try:
        settings = settings_of(given)
        if yes:
            sources = Sources(flags=flags | weak_flags(settings, _say), config=config)
            given = sources.gather()
            settings = settings_of(given)
        run(settings, sources, when_ready=tell_later(settings, _say))
    except SettingsError as error:
        raise SettingsError(placed(str(error), given, PREFIX)) from error


def _say(text: str) -> None:
    click.echo(printable(text, lines=True))


def _leave(sig: int, frame: FrameType | None) -> None:
    sys.exit(0)
