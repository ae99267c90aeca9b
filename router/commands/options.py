"""Options that several commands share, and how JSON is printed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import msgspec

from router.settings import FIELDS, PREFIX, is_secret, is_table

Command = Callable[..., None]

config_option = click.option("--config", type=click.Path(path_type=Path), help="TOML file with settings.")
home_option = click.option("--home", help="Home folder of the server.  [default: ~/.local/share/underdog]")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _server_url(_context: click.Context, _parameter: click.Parameter, url: str | None) -> str | None:
    """The address without a path: as clients have it, with its /v1, it is the same server."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise click.BadParameter(f"must be an address such as http://127.0.0.1:8787, not '{url}'.")
    return url.rstrip("/").removesuffix("/v1")


server_url_option = click.option(
    "--url",
    callback=_server_url,
    help="Where the server is.  [default: http://127.0.0.1:8787, or as the settings say]",
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
