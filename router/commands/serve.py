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
from router.configured.given import placed
from router.errors import SettingsError
from router.settings import PREFIX, Sources, settings_of


@click.command("serve")
@setting_options
def command(config: Path | None, **flags: Any) -> None:
    """Start the server.

    Keys have no flags: set UNDERDOG_API_KEY, UNDERDOG_WEAK_API_KEY and UNDERDOG_STRONG_API_KEY, or use the TOML file.
    """
    # The first process of a container is sent no signal that it has no handler for: told to stop while it starts, it
    # would run until it is killed. Once it listens, it stops by a handler of its own.
    signal.signal(signal.SIGTERM, _leave)
    # One decision is too small for two threads: waking the second costs more than it saves. Before numpy is loaded.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from router.serve import run

    sources = Sources(flags=flags, config=config)
    given = sources.gather()
    try:
        run(settings_of(given), sources)
    except SettingsError as error:
        raise SettingsError(placed(str(error), given, PREFIX)) from error


def _leave(sig: int, frame: FrameType | None) -> None:
    sys.exit(0)
