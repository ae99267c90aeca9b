"""``underdog``: serve, fetch the embedded LLM, explain one decision, choose the artifact.

Heavy parts are imported inside the commands: ``--help`` must not wait for a server's imports.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from router import __version__
from router.artifacts.commands import artifacts
from router.errors import UnderdogError
from router.settings import FIELDS, PREFIX, load_settings

if TYPE_CHECKING:
    from router.artifacts.in_use import InUse

Command = Callable[..., None]


class _Group(click.Group):
    """Turns our own errors into one line on standard error and exit status 1. Wrong usage exits with 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UnderdogError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="underdog")
def main() -> None:
    """Underdog sends each LLM request to the cheapest model that will answer it well enough."""


main.add_command(artifacts)


def _setting_options(command: Command) -> Command:
    """One flag for every setting. Keys have none: a command line is visible to other users of the machine."""
    for name, field in reversed(FIELDS.items()):
        if name.endswith("api_key"):
            continue
        flag = "--" + name.replace("_", "-")
        declaration = f"{flag}/--no-{flag[2:]}" if isinstance(field.default, bool) else flag
        about = f"{_sentence(field)}  [default: {_shown_default(field)}; {PREFIX}{name.upper()}]"
        command = click.option(declaration, name, default=None, help=about)(command)
    return _config_option(command)


_config_option = click.option("--config", type=click.Path(path_type=Path), help="TOML file with settings.")


def _sentence(field: msgspec.structs.FieldInfo) -> str:
    """The setting's description: the last ``Meta`` of its annotation carries it."""
    return str(field.type.__metadata__[-1].description)


def _shown_default(field: msgspec.structs.FieldInfo) -> str:
    if field.default is None:
        return "none"
    return str(field.default).lower() if isinstance(field.default, bool) else str(field.default)


@main.command()
@_setting_options
def serve(config: Path | None, **flags: Any) -> None:
    """Start the server.

    Keys have no flags: set UNDERDOG_API_KEY, UNDERDOG_WEAK_API_KEY and UNDERDOG_STRONG_API_KEY, or use the TOML file.
    """
    from router.serve import run

    run(load_settings(flags=flags, config=config))


@main.command()
@click.option("--home", help="Folder to keep it in.  [default: ~/.local/share/underdog]")
def fetch(home: str | None) -> None:
    """Fetch the embedded LLM and verify its hash. Does nothing where it is there."""
    from router.upstream.embedded.fetch import fetch_weights

    settings = load_settings(flags={"home": home})
    click.echo(fetch_weights(settings.home_path))


@main.command()
@click.argument("prompt")
@click.option("--threshold", help="Threshold to decide by, 0 to 1.  [default: the server's]")
@click.option("--artifact", help="Folder of the classifier artifact.  [default: the server's]")
@_config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def route(prompt: str, threshold: str | None, artifact: str | None, config: Path | None, as_json: bool) -> None:
    """Say where PROMPT would go, and why. Needs no server and asks no model. PROMPT may be - for standard input."""
    text = _read_standard_input() if prompt == "-" else prompt
    if not text.strip():
        raise click.UsageError("The prompt is empty.")
    from router.artifacts.in_use import load_in_use

    settings = load_settings(flags={"threshold": threshold, "artifact": artifact}, config=config)
    decision = _explain(load_in_use(settings), text)
    click.echo(msgspec.json.encode(decision).decode() if as_json else _readable(decision))


def _read_standard_input() -> str:
    # Whatever the locale: prompts are UTF-8, and a stray byte is no reason to stop.
    return sys.stdin.buffer.read().decode("utf-8", "replace")


def _explain(in_use: InUse, text: str) -> dict[str, Any]:
    scorer, used = in_use.scorer, in_use.dial.default
    score = scorer.score(text)
    return {
        "route": "strong" if score.win_rate >= used else "weak",
        "win_rate": round(score.win_rate, 6),
        "threshold": round(used, 6),
        "artifact": in_use.artifact,
        "tokens": score.tokens,
        "contributions": {name: round(value, 4) for name, value in scorer.explain(text).items()},
    }


def _readable(decision: dict[str, Any]) -> str:
    relation = ">=" if decision["route"] == "strong" else "<"
    comparison = f"win rate {decision['win_rate']:.3f} {relation} threshold {decision['threshold']:.3f}"
    lines = [f"{decision['route']}: {comparison}  ({decision['artifact']}, {decision['tokens']} tokens)"]
    lines += [f"  {value:+.3f}  {name}" for name, value in decision["contributions"].items()]
    return "\n".join(lines)
