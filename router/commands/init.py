"""``underdog init``: three questions at most, and a file that the server starts with."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from router.commands.init_from import ORIGINS, refuse_overwriting, write_from
from router.commands.options import config_option, json_option, print_json
from router.commands.printable import at_terminal, printable
from router.configured.given import placed
from router.errors import SettingsError
from router.settings import PREFIX, Sources, settings_of

if TYPE_CHECKING:
    from tomlkit.toml_document import TOMLDocument

    from router.commands.init_found import Offer

T = TypeVar("T")

PREFERENCES = {
    "cheap": "the weak model wherever it may do",
    "balanced": "the artifact's middle way",
    "best": "the strong model wherever it may be better",
}
EMBEDDED = "the embedded SmolLM2-135M (98 MB, fetched once; small, for trying things out)"
NO_STRONG = "none for now"


@click.command("init")
@click.option("--weak", metavar="PROVIDER/MODEL", help="Weak model, such as ollama/llama3.2; `embedded` for our own.")
@click.option("--strong", metavar="PROVIDER/MODEL", help="Strong model, such as openai/gpt-4.1; `none` for none.")
@click.option("--prefer", type=click.Choice(list(PREFERENCES)), help="What to lean to.")
@click.option(
    "--from",
    "origin",
    type=(click.Choice(list(ORIGINS)), click.Path(path_type=Path)),
    metavar="KIND FILE",
    help=f"Take over another gateway's file ({', '.join(ORIGINS)}); --weak and --strong are names in it.",
)
@click.option("--yes", is_flag=True, help="Ask nothing: take what is found.")
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@click.option("--dry-run", is_flag=True, help="Show the file, and write nothing.")
@config_option
@json_option
def command(
    *,
    weak: str | None,
    strong: str | None,
    prefer: str | None,
    origin: tuple[str, Path] | None,
    yes: bool,
    force: bool,
    dry_run: bool,
    config: Path | None,
    as_json: bool,
) -> None:
    """Set the router up: find what is here, ask what it cannot know, and write the settings' file.

    Keys in the environment stay there: the file names their variables. With --from nothing is asked: what has no
    equivalent is listed with the line on which it stood.
    """
    sources = Sources(config=config)
    if not dry_run:
        refuse_overwriting(sources, force=force)
    if origin is not None:
        if prefer is not None:
            raise click.UsageError("--prefer is not for --from: set the threshold in the file that it writes.")
        kind, source = origin
        write_from(kind, source, weak=weak, strong=strong, sources=sources, dry_run=dry_run, as_json=as_json)
        return
    asks = not yes and None in (weak, strong, prefer)
    if asks and not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask questions on; add --yes to take what is found.")
    from router.commands.init_found import cloud_offers, local_offers

    chosen_weak = _offer(weak, "embedded") if weak else _weak(local_offers(os.environ), asks)
    chosen_strong = _offer(strong, "none") if strong else _strong(cloud_offers(os.environ), asks)
    document = _document(chosen_weak, chosen_strong, prefer or (_preference() if asks else "balanced"))
    require_sound(document, sources)
    labels = (chosen_weak.label if chosen_weak else EMBEDDED, chosen_strong.label if chosen_strong else NO_STRONG)
    _finish(document, sources, labels, dry_run=dry_run, as_json=as_json)


def _finish(document: TOMLDocument, sources: Sources, labels: tuple[str, str], *, dry_run: bool, as_json: bool) -> None:
    """Write the file, or show it, and say what is in it."""
    import tomlkit

    from router.settings_file.document import write

    if not dry_run:
        write(document, sources.file)
    if as_json:
        told = {"file": str(sources.file), "written": not dry_run, "weak": labels[0], "strong": labels[1]}
        print_json({**told, "settings": document.unwrap()})
        return
    if dry_run:
        click.echo(at_terminal(tomlkit.dumps(document)))
    click.echo(f"Nothing was written to {sources.file}." if dry_run else f"Wrote {sources.file}.")
    click.echo(printable(f"weak: {labels[0]}"))
    click.echo(printable(f"strong: {labels[1]}"))
    if not dry_run:
        start = "Start the server with: underdog serve"
        click.echo(start + (f" --config {sources.config}" if sources.config else ""))


def _weak(found: Sequence[Offer], asks: bool) -> Offer | None:
    options: list[tuple[str, Offer | None]] = [(offer.label, offer) for offer in found] + [(EMBEDDED, None)]
    return _asked("Which model is the weak one, that answers what it can?", options) if asks else options[0][1]


def _strong(found: Sequence[Offer], asks: bool) -> Offer | None:
    options: list[tuple[str, Offer | None]] = [(offer.label, offer) for offer in found] + [(NO_STRONG, None)]
    if asks and not found:
        click.echo(
            "No provider's key is in the environment: set one, such as OPENAI_API_KEY, and it is taken up.", err=True
        )
    # With one possible answer there is no question.
    return _asked("Which is the strong one?", options) if asks and found else options[0][1]


def _preference() -> str:
    return _asked("What do you lean to?", [(f"{name}: {what}", name) for name, what in PREFERENCES.items()], default=2)


def _asked(question: str, options: Sequence[tuple[str, T]], default: int = 1) -> T:
    """The option that a person chooses by its number. Asked on standard error: what was done is told on the other."""
    click.echo(question, err=True)
    for number, (label, _) in enumerate(options, start=1):
        click.echo(printable(f"  {number}  {label}"), err=True)
    number = click.prompt("Number", default=default, type=click.IntRange(1, len(options)), err=True)
    return options[number - 1][1]


def _offer(text: str, nothing: str) -> Offer | None:
    """The model that a flag names; None for the word that stands for nothing."""
    if text == nothing:
        return None
    from router.commands.init_found import Offer
    from router.upstream.providers import split_model

    named = split_model(text)
    if named is None:
        raise click.UsageError(f"'{text[:100]}' names no provider; write PROVIDER/MODEL, or {nothing}.")
    provider, model = named
    found = provider.key(os.environ)
    return Offer(provider=provider.id, model=model, variable=found[0] if found else None)


def _document(weak: Offer | None, strong: Offer | None, preference: str) -> TOMLDocument:
    """The file. What the server would do anyhow is left out."""
    import tomlkit

    from router.settings_file.document import put

    document = tomlkit.document()
    document.add(tomlkit.comment("Written by `underdog init`; `underdog config show` tells all settings."))
    if preference != "balanced":
        document.add(tomlkit.comment(f"The artifact's point '{preference}': {PREFERENCES[preference]}."))
        put(document, "threshold", _threshold(preference))
    deployments = [
        _deployment(route, offer) for route, offer in (("weak", weak), ("strong", strong)) if offer is not None
    ]
    if deployments:
        put(document, "deployments", deployments)
    return document


def _deployment(route: str, offer: Offer) -> dict[str, Any]:
    table: dict[str, Any] = {"route": route}
    table |= {"provider": offer.provider} if offer.provider else {}
    table |= {"model": offer.model} | ({"url": offer.url} if offer.url else {})
    return table | ({"api_key_env": [offer.variable]} if offer.variable else {})


def _threshold(preference: str) -> float:
    from router.artifacts.in_use import load_in_use
    from router.settings import Settings

    points = load_in_use(Settings()).dial.operating_points
    if preference not in points:
        raise SettingsError(f"The artifact in use has no point '{preference}'; leave --prefer out.")
    return round(points[preference].threshold, 6)


def require_sound(document: TOMLDocument, sources: Sources) -> None:
    """Refuse what a server would refuse.

    Raises:
        SettingsError: what, and where.
    """
    import tomlkit

    from router.parts import wiring_of

    given = sources.gather(text=tomlkit.dumps(document))
    try:
        wiring_of(settings_of(given), sources.variables)
    except SettingsError as error:
        raise SettingsError(f"{placed(str(error), given, PREFIX)} Nothing was written.") from error
