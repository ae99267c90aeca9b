"""``underdog``: serve, look into decisions and the ledger, choose the artifact.

Commands are imported when they are asked for: ``--help`` must not wait for a server's imports.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import click

from router import __version__
from router.errors import UnderdogError

COMMANDS: dict[str, str] = {
    "serve": "router.commands.serve",
    "doctor": "router.commands.doctor",
    "models": "router.commands.models",
    "init": "router.commands.init",
    "config": "router.commands.config",
    "fetch": "router.commands.fetch",
    "ask": "router.commands.ask",
    "chat": "router.commands.chat",
    "top": "router.commands.top",
    "route": "router.commands.route",
    "tune-threshold": "router.commands.tune_threshold",
    "artifacts": "router.commands.artifacts",
    "keys": "router.commands.keys",
    "teams": "router.commands.teams",
    "cache": "router.commands.cache",
    "ledger": "router.commands.ledger",
    "report": "router.commands.report",
    "prices": "router.commands.prices",
    "drift": "router.commands.drift",
    "replay": "router.commands.replay",
}
"""Command to the module that has it, as ``command``."""

ONE_BLAS_THREAD = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""What NumPy's matrix library takes its number of threads from, once, as it is loaded."""


class Underdog(click.Group):
    """Loads commands when they are asked for.

    Our own errors become one line on standard error and exit status 1. Wrong usage exits with 2.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order in which a person meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module; None where there is no such command."""
        module = COMMANDS.get(cmd_name)
        command: click.Command | None = import_module(module).command if module else None
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run, and show errors raised on purpose as one line, without a traceback."""
        # Our products are small: to share one out costs more than the product, since idle threads spin. A verdict on
        # two long texts takes ten times as much, on a busy machine more. NumPy is not imported yet.
        for variable in ONE_BLAS_THREAD:
            os.environ.setdefault(variable, "1")
        try:
            return super().invoke(ctx)
        except UnderdogError as error:
            from router.commands.printable import printable

            # Messages name what stands in files that others wrote.
            raise click.ClickException(printable(str(error), lines=True)) from error


@click.group(cls=Underdog, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="underdog")
def main() -> None:
    """Underdog sends each LLM request to the cheapest model that will answer it well enough."""
