"""``train-router``: fit, measure and tune a classifier. A bare ``train-router [options]`` runs ``fit``.

Heavy packages are imported by the commands that need them, when they run, so ``--help`` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from router.errors import UnderdogError

DEFAULT_COMMAND = "fit"

COMMANDS: dict[str, str] = {
    "fit": "training.commands.fit",
    "refit": "training.commands.refit",
    "pair": "training.commands.pair",
    "distill": "training.commands.distill",
    "evaluate": "training.commands.evaluate",
    "compare": "training.commands.compare",
    "score": "training.commands.score",
    "label": "training.commands.label",
    "tune-threshold": "training.commands.tune",
    "report": "training.commands.report",
    "classifiers": "training.commands.classifiers",
    "verifier": "training.commands.verifier",
    "learning-curve": "training.commands.learning_curve",
    "strengths": "training.commands.strengths",
    "answer-lengths": "training.commands.answer_lengths",
}
"""Command to the module that has it, as ``command``."""


class TrainRouter(click.Group):
    """A group that loads commands when they are asked for and runs ``fit`` where none is."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order in which a person meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module; None where there is no such command."""
        module = COMMANDS.get(cmd_name)
        command: click.Command | None = import_module(module).command if module else None
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default command in front where the first word is an option, or nothing is there."""
        if not args or (args[0].startswith("-") and args[0] not in ("--help", "-h", "--version")):
            args = [DEFAULT_COMMAND, *args]
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the default command's options beside the commands."""
        super().format_options(ctx, formatter)
        default = self.get_command(ctx, DEFAULT_COMMAND)
        if default is None:
            return
        with click.Context(default, parent=ctx, info_name=DEFAULT_COMMAND) as inner:
            rows = [row for param in default.get_params(inner) if (row := param.get_help_record(inner))]
        with formatter.section(f"Options of {DEFAULT_COMMAND}, the default command"):
            formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        """Run, and show errors raised on purpose as one line, without a traceback."""
        try:
            return super().invoke(ctx)
        except UnderdogError as error:
            raise click.ClickException(str(error)) from error


@click.group(
    cls=TrainRouter,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name="underdog-router", prog_name="train-router")
def main() -> None:
    """Train the classifier that decides which model answers.

    Fits on preference votes (--battles, or a --data folder), calibrates on a slice of its own, measures on another, and
    writes an artifact that `underdog serve --artifact DIR` loads.
    """


if __name__ == "__main__":
    main()
