"""``underdog init --from``: another gateway's configuration, written as ours."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from router.commands.options import print_json
from router.commands.printable import at_terminal, printable
from router.errors import SettingsError
from router.settings import FIELDS, Sources, is_table

if TYPE_CHECKING:
    from tomlkit.toml_document import TOMLDocument

    from router.commands.elsewhere.moving import Chosen, Moved

ORIGINS = {"litellm": "LiteLLM", "rigrun": "rigrun", "routellm": "RouteLLM"}
"""Gateways that can be read, each by the module of its name."""

PLACEHOLDER = "to-be-set"
"""Stands for keys that are not set here when the file is checked: it may be meant for another machine."""


def write_from(
    origin: str, source: Path, *, weak: str | None, strong: str | None, sources: Sources, dry_run: bool, as_json: bool
) -> None:
    """Read another gateway's file, write ours, and tell what became of the rest.

    Args:
        origin: one of `ORIGINS`.
        source: its file.
        weak: the name there of the model to be the weak one; None finds it.
        strong: that of the strong one.
        sources: where our file is to be.
        dry_run: whether it is shown and not written.
        as_json: whether what was done is told as JSON.

    Raises:
        SettingsError: the source cannot be read, or makes no file that a server starts with.
    """
    from router.settings_file.document import write

    read: Callable[..., Moved] = import_module(f"router.commands.elsewhere.{origin}").moved
    moved = read(source, os.environ, weak, strong)
    document = _document(moved, origin)
    _require_sound(document, sources, moved)
    if not dry_run:
        write(document, sources.file)
    if as_json:
        print_json(_told(moved, origin, source, sources.file, written=not dry_run))
    else:
        _say(moved, document, origin, source, sources.file, dry_run=dry_run)


def _document(moved: Moved, origin: str) -> TOMLDocument:
    """The file: plain settings first, tables after them, each in the order of the settings' page."""
    import tomlkit

    from router.settings_file.document import put

    document = tomlkit.document()
    document.add(tomlkit.comment(f"Written by `underdog init --from {origin}`; keys are in the environment."))
    document.add(tomlkit.comment("`underdog config show` tells all settings."))
    for tables in (False, True):
        for name in FIELDS:
            if name in moved.settings and is_table(name) is tables:
                put(document, name, moved.settings[name])
    return document


def _require_sound(document: TOMLDocument, sources: Sources, moved: Moved) -> None:
    """Refuse what a server would refuse once the variables are set."""
    from router.commands.init import require_sound

    unset = {each.name: PLACEHOLDER for each in moved.variables if each.required and not each.is_set}
    environ = {**_without_ours(sources.variables), **unset}
    require_sound(document, Sources(config=sources.file, environ=environ))


def _without_ours(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment, but for settings of ours: the file has to be sound by itself."""
    return {name: value for name, value in environ.items() if not name.startswith("UNDERDOG_")}


def _told(moved: Moved, origin: str, source: Path, file: Path, *, written: bool) -> dict[str, Any]:
    return {
        "from": origin,
        "source": str(source),
        "file": str(file),
        "written": written,
        "weak": moved.chosen.weak,
        "strong": moved.chosen.strong,
        "because": moved.chosen.because,
        "settings": moved.settings,
        "variables": moved.variables,
        "remarks": moved.remarks,
    }


def _say(moved: Moved, document: TOMLDocument, origin: str, source: Path, file: Path, *, dry_run: bool) -> None:
    import tomlkit

    if dry_run:
        click.echo(at_terminal(tomlkit.dumps(document)))
    click.echo(f"Nothing was written to {file}." if dry_run else f"Wrote {file} from {ORIGINS[origin]}'s {source}.")
    _say_models(moved.chosen)
    if moved.variables:
        click.echo("It counts on these variables of the environment:")
    for each in moved.variables:
        state = "is set" if each.is_set else ("set it before the start" if each.required else "not set")
        hint = f'; export {each.name}="${each.was}"' if each.was and not each.is_set else ""
        click.echo(printable(f"  {each.name}  {each.why} ({state}{hint})"))
    if moved.remarks:
        click.echo(f"What did not move as it was ({len(moved.remarks)}):")
    for remark in moved.remarks:
        click.echo(printable(f"  {source.name}:{remark.line}  {remark.key}: {remark.what}"))
    if not dry_run:
        click.echo(f"Start the server with: underdog serve --config {file}")


def _say_models(chosen: Chosen) -> None:
    click.echo(printable(f"weak: {chosen.weak or 'the embedded LLM'}; strong: {chosen.strong or 'none'}"))
    click.echo(printable(f"  ({chosen.because}; --weak and --strong choose others)"))
    click.echo(
        '  Old names answer as they did. Requests for model="auto" are routed between the two.'
        if chosen.strong is not None
        else '  Without a strong model, the weak one answers requests for model="auto".'
    )


def refuse_overwriting(sources: Sources, *, force: bool) -> None:
    """Leave a file alone that is there.

    Raises:
        SettingsError: it is, and nobody said --force.
    """
    if sources.file.exists() and not force:
        raise SettingsError(
            f"{sources.file} is there already. Change it with `underdog config set`, or overwrite it with --force."
        )
