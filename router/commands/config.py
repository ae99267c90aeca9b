"""``underdog config``: what each setting is and where it came from, and changes of the file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from router.commands.options import config_option, json_option, print_json, setting_options
from router.errors import SettingsError
from router.settings import FIELDS, PREFIX, Sources, is_secret, settings_of, unknown


@click.group("config")
def command() -> None:
    """Look at the settings, and change the file that holds them."""


@command.command()
@click.option("--all/--given", "everything", default=True, help="Every setting, or those that somebody gave.")
@json_option
@setting_options
def show(everything: bool, as_json: bool, config: Path | None, **flags: Any) -> None:
    """Show every setting, and whether a flag, the environment, a line of the file or the default gave it.

    Flags are those of `underdog serve`: with them it shows what a server that is started so would have.
    """
    from router.commands.config_shown import in_words, shown

    given = (sources := Sources(flags=flags, config=config)).gather()
    rows = [row for row in shown(settings_of(given), given) if everything or row.source != "default"]
    if as_json:
        print_json({"file": _file(sources), "settings": rows})
        return
    width = max((len(row.name) for row in rows), default=0)
    for row in rows:
        click.echo(f"{row.name:{width}}  {in_words(row.value)}  ({row.came_from})")


@command.command()
@click.argument("name")
@json_option
@setting_options
def get(name: str, as_json: bool, config: Path | None, **flags: Any) -> None:
    """Print the value of a setting; of a secret, stars."""
    from router.commands.config_shown import in_words, shown

    name = _known(name)
    given = Sources(flags=flags, config=config).gather()
    row = next(row for row in shown(settings_of(given), given) if row.name == name)
    if as_json:
        print_json(row)
    else:
        click.echo(in_words(row.value))


@command.command()
@config_option
@json_option
def path(config: Path | None, as_json: bool) -> None:
    """Print the file that is read, and that `set` writes; it need not be there."""
    file = Sources(config=config).file.absolute()
    if as_json:
        print_json({"file": str(file), "exists": file.is_file()})
    else:
        click.echo(file)


@command.command("set")
@click.argument("name")
@click.argument("value", required=False)
@config_option
@json_option
def set_(name: str, value: str | None, config: Path | None, as_json: bool) -> None:
    """Give a setting a value in the file, and keep all else that stands there. A running server takes it up.

    Lists and tables are JSON. Without VALUE it is read from standard input, unseen on a terminal: keys have no other
    way, since a command line is visible to other users of the machine.
    """
    from router.settings_file.document import put, written

    name = _known(name)
    if value is not None and is_secret(name):
        raise click.UsageError(
            f"'{name}' is a secret, and a command line is visible to others: leave the value out and type it when "
            f"asked, or send it to standard input. Better still, set {PREFIX}{name.upper()} where the server starts."
        )
    put_in = written(name, _asked(name) if value is None else value)
    still_wrong = _change(config, lambda document: put(document, name, put_in))
    _say_what_counts(name, config, still_wrong, as_json)


@command.command()
@click.argument("name")
@config_option
@json_option
def unset(name: str, config: Path | None, as_json: bool) -> None:
    """Take a setting out of the file."""
    from router.settings_file.document import take_out

    name, file = _known(name), Sources(config=config).file

    def change(document: Any) -> None:
        if not take_out(document, name):
            raise SettingsError(f"{file} does not give '{name}'.")

    _say_what_counts(name, config, _change(config, change), as_json)


def _change(config: Path | None, change: Any) -> str | None:
    """Change the file, unless a server would refuse what comes of it. Gives what was wrong before and still is."""
    from router.parts import wiring_of
    from router.settings_file.change import changed
    from router.settings_file.document import write

    sources = Sources(config=config)
    document, still_wrong = changed(sources, change, lambda settings: wiring_of(settings, sources.variables))
    write(document, sources.file)
    if still_wrong is not None:
        click.echo(f"The file was wrong before, and still is: {still_wrong}", err=True)
    return still_wrong


def _say_what_counts(name: str, config: Path | None, still_wrong: str | None, as_json: bool) -> None:
    """Say where a value came from that stands above the file's; as JSON, whence it comes in any case."""
    sources = Sources(config=config)
    given = sources.gather().get(name)
    if given is not None and given.source != "file":
        click.echo(f"Note that {given.place} is set, and comes before the file.", err=True)
    if as_json:
        source, place, line = ("default", None, None) if given is None else (given.source, given.place, given.line())
        told = {"name": name, "file": _file(sources), "source": source, "place": place, "line": line}
        print_json({**told, "still_wrong": still_wrong})


def _asked(name: str) -> str:
    if sys.stdin.isatty():
        return str(click.prompt(name, hide_input=is_secret(name), err=True))
    return sys.stdin.read().strip("\r\n")


def _known(name: str) -> str:
    """A setting by its name, however it is spelt: ``cache.max-wrong`` too."""
    plain = name.strip().lower().replace("-", "_").replace(".", "_")
    if plain not in FIELDS:
        raise SettingsError(f"{unknown(plain)[:1].upper()}{unknown(plain)[1:]}")
    return plain


def _file(sources: Sources) -> str | None:
    return str(sources.file.absolute()) if sources.file.is_file() else None
