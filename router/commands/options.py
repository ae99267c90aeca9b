"""Options that several commands share, and how JSON is printed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from router.configured.address import http_address
from router.settings import FIELDS, PREFIX, Settings, is_secret, is_table

Command = Callable[..., None]

EMBEDDED = "embedded"
"""What the LLM of our own is called where a model is named, as in `underdog init --weak`."""

config_option = click.option("--config", type=click.Path(path_type=Path), help="TOML file with settings.")
home_option = click.option("--home", help="Home folder of the server.  [default: ~/.local/share/underdog]")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
artifact_option = click.option("--artifact", help="Folder of the classifier artifact.  [default: the server's]")
unfamiliar_option = click.option("--unfamiliar", help="Where prompts unlike all training go: strong, weak or win-rate.")
url_option = click.option(
    "--url", help="Where the server is.  [default: http://127.0.0.1:8787, or as the settings say]"
)


def setting_options(command: Command) -> Command:
    """One flag for every setting. Keys have none: a command line is visible to other users of the machine."""
    for name, field in reversed(FIELDS.items()):
        if is_secret(name) or is_table(name):
            continue
        flag = "--" + name.replace("_", "-")
        declaration = f"{flag}/--no-{flag[2:]}" if isinstance(field.default, bool) else flag
        about = f"{_sentence(field)}  [default: {_shown_default(field)}; {PREFIX}{name.upper()}]"
        command = click.option(declaration, name, default=None, help=about)(command)
    return config_option(command)


def server_url(named: str | None, settings: Settings) -> str:
    """Where the server is that ``--url`` names; without it the one of the settings.

    Raises:
        UsageError: what it names is no address.
    """
    from router.artifacts.server import RunningServer

    if not named:
        return RunningServer.at(settings.host, settings.port).url
    if http_address(named) is None:
        raise click.UsageError(f"--url: must be an address such as http://127.0.0.1:8787, not '{named}'.")
    return named.rstrip("/").removesuffix("/v1")  # as clients have it, it is the same server


def print_json(value: Any) -> None:
    """Print a value on standard output, indented for people."""
    click.echo(msgspec.json.format(msgspec.json.encode(value)).decode())


def _sentence(field: msgspec.structs.FieldInfo) -> str:
    """The setting's description: the last ``Meta`` of its annotation carries it."""
    return str(field.type.__metadata__[-1].description)


def _shown_default(field: msgspec.structs.FieldInfo) -> str:
    if field.default is None:
        return "none"
    return str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
