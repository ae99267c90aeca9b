"""``underdog top``: a running server in the terminal, as it goes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from router.commands.options import config_option, json_option, server_url, url_option
from router.settings import load_settings

if TYPE_CHECKING:
    from rich.console import Console

    from router.commands.top_feed import Feed
    from router.commands.top_state import State
    from router.commands.top_view import View

FIRST_S = 10.0
"""How long a server that answers may take to tell the first figures."""


@click.command("top")
@url_option
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1, max=3600.0),
    default=1.0,
    show_default=True,
    help="Seconds from one look to the next.",
)
@click.option("--once", is_flag=True, help="Look once.")
@config_option
@json_option
def command(*, url: str | None, interval: float, once: bool, config: Path | None, as_json: bool) -> None:
    """Watch a running server: requests, routes, cache, cost, latency, upstreams. Ctrl-C ends it.

    A closed server wants its UNDERDOG_MASTER_KEY or UNDERDOG_API_KEY in the environment. Where the output is no
    terminal, each look is a line; with --json an object: the snapshot, and the requests since the last one.
    """
    from rich.console import Console

    from router.commands.top_feed import Feed
    from router.commands.top_state import State
    from router.commands.top_view import View, line

    settings = load_settings(config=config)
    where = server_url(url, settings)
    feed, state, console = Feed(where, settings.master_key or settings.api_key), State(), Console(highlight=False)
    feed.start()
    looks = _looks(feed, state, interval, once=once)
    try:
        if as_json:
            _print_each(looks, lambda: msgspec.json.encode(_as_json(state)).decode())
        elif not _at_terminal(console):
            _print_each(looks, lambda: line(state, datetime.now().astimezone()))
        elif once:
            for _ in looks:
                console.print(View(state, where))
        else:
            _draw(looks, View(state, where), console)
    except KeyboardInterrupt:
        pass
    finally:
        feed.close()


def _looks(feed: Feed, state: State, interval: float, *, once: bool) -> Iterator[None]:
    """Takes what is told, and yields whenever it is time to look at it.

    Raises:
        NoServer: there is no server, or it does not let one look.
    """
    from router.commands.top_feed import Refused
    from router.errors import NoServer

    due = time.monotonic() + FIRST_S
    while True:
        event = feed.next(due - time.monotonic())
        if isinstance(event, Refused):
            raise event.error
        if event is not None:
            first = state.snapshot is None
            state.take(event)
            if not first or state.snapshot is None:
                continue
            # The newest requests come right behind the first snapshot.
            due = time.monotonic() + min(interval, 0.2)
            continue
        if state.snapshot is None:
            raise NoServer(f"The server tells nothing within {FIRST_S:g} seconds; look into its log.")
        yield
        if once:
            return
        due = time.monotonic() + interval


def _as_json(state: State) -> dict[str, object]:
    return {"snapshot": state.snapshot, "lost": state.lost, "requests": state.taken()}


def _at_terminal(console: Console) -> bool:
    """Whether somebody looks; that colours are forced does not make a terminal of a pipe."""
    return sys.stdout.isatty() and not console.is_dumb_terminal


def _print_each(looks: Iterator[None], said: Callable[[], str]) -> None:
    for _ in looks:
        print(said(), flush=True)


def _draw(looks: Iterator[None], view: View, console: Console) -> None:
    from rich.live import Live

    with Live(view, console=console, screen=True, auto_refresh=False) as live:
        for _ in looks:
            live.refresh()
