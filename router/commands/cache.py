"""``underdog cache``: stats, list, show, evict, clear; evaluate has a module of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from router.commands.cache_evaluate import evaluate
from router.commands.options import config_option, home_option, json_option, print_json
from router.commands.span import Span
from router.settings import load_settings

if TYPE_CHECKING:
    from router.cache.inventory import Order
    from router.commands.cache_source import Source


def _source_options(command: Callable[..., None]) -> Callable[..., None]:
    """What finds the cache."""
    for option in (
        click.option("--offline", is_flag=True, help="Look into the file, even where a server runs."),
        click.option("--cache-path", help="File of the cache.  [default: cache.sqlite3 in the home folder]"),
        click.option("--port", help="Port of the server that may be running.  [default: 8787]"),
        click.option("--host", help="Address of the server that may be running.  [default: 127.0.0.1]"),
        config_option,
        home_option,
        json_option,
    ):
        command = option(command)
    return command


@click.group("cache")
def command() -> None:
    """Look into the cache, and let cached answers go.

    A running server is asked, with the key in UNDERDOG_API_KEY where it has one; where none answers, the cache's file
    is read and changed itself.
    """


command.add_command(evaluate)


@command.command()
@_source_options
def stats(*, as_json: bool, **flags: Any) -> None:
    """Sum up what the cache holds and did."""
    from router.commands.cache_tables import show_stats

    source = _source(flags)
    figures = source.stats()
    if as_json:
        print_json(figures)
    else:
        show_stats(figures, source.where)


@command.command("list")
@click.option(
    "--order",
    type=click.Choice(["newest", "value"]),
    default="newest",
    show_default=True,
    help="`value`: what would be parted with last comes first.",
)
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="Entries shown.")
@click.option("--model", help="Answers of this model only.")
@click.option("--older-than", type=Span(), metavar="SPAN", help="Answers older than this only, such as 12h.")
@click.option("--search", metavar="TEXT", help="Answers to questions with this text in them only.")
@click.option("--show-questions", is_flag=True, help="Show what was asked: it may be private.")
@click.option(
    "--width", type=click.IntRange(8, 10_000), default=60, show_default=True, help="Characters of a question."
)
@_source_options
def list_(
    *,
    order: Order,
    limit: int,
    model: str | None,
    older_than: float | None,
    search: str | None,
    show_questions: bool,
    width: int,
    as_json: bool,
    **flags: Any,
) -> None:
    """List cached answers, without questions and answers."""
    from router.cache.inventory import Selection
    from router.commands.cache_tables import show_list

    source = _source(flags)
    selection = Selection(model=model, older_than_s=older_than)
    found = source.entries(selection, order=order, limit=limit, with_questions=show_questions, asking=search)
    if as_json:
        print_json(found)
    else:
        show_list(found, source.where, width=width if show_questions else None)


@command.command()
@click.argument("wanted", metavar="ID")
@_source_options
def show(*, wanted: str, as_json: bool, **flags: Any) -> None:
    """Show one cached answer and what it answers. ID may be cut to what means one entry alone."""
    from router.commands.cache_tables import show_entry

    found = _source(flags).entry(wanted)
    if as_json:
        print_json(found)
    else:
        show_entry(found)


@command.command()
@click.argument("wanted", metavar="[ID]...", nargs=-1)
@click.option("--older-than", type=Span(), metavar="SPAN", help="Every answer older than this, such as 12h.")
@click.option("--model", help="Every answer of this model.")
@_source_options
def evict(*, wanted: tuple[str, ...], older_than: float | None, model: str | None, as_json: bool, **flags: Any) -> None:
    """Let go of some cached answers: those named, or those for which all conditions hold."""
    from router.cache.inventory import Selection

    conditions = older_than is not None or model is not None
    if bool(wanted) == conditions:
        raise click.UsageError("Name entries by their ids, or give --older-than, --model or both.")
    source = _source(flags)
    if wanted:
        evicted = len([source.evict(each) for each in wanted])
    else:
        evicted = source.evict_all(Selection(model=model, older_than_s=older_than))
    _say_evicted(evicted, source, as_json)


@command.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@_source_options
def clear(*, yes: bool, as_json: bool, **flags: Any) -> None:
    """Let go of all cached answers."""
    from router.cache.inventory import Selection

    source = _source(flags)
    if not yes:
        total = source.entries(Selection(), order="newest", limit=1, with_questions=False).total
        click.confirm(f"Let go of all {total:,} cached answers of {source.where}?", abort=True, err=True)
    _say_evicted(source.evict_all(Selection()), source, as_json)


def _source(flags: dict[str, Any]) -> Source:
    from router.commands.cache_source import source_of

    offline, config = flags.pop("offline"), flags.pop("config")
    return source_of(load_settings(flags=flags, config=config), offline=offline)


def _say_evicted(evicted: int, source: Source, as_json: bool) -> None:
    if as_json:
        print_json({"evicted": evicted})
    else:
        click.echo(f"{evicted:,} cached answers let go of, in {source.where}.")
