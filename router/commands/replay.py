"""``underdog replay``: what past requests would have cost at another threshold, and how good they would have been."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from router.commands.options import (
    artifact_option,
    config_option,
    home_option,
    json_option,
    print_json,
    unfamiliar_option,
)
from router.commands.printable import printable
from router.settings import load_settings

if TYPE_CHECKING:
    from router.artifacts.in_use import InUse
    from router.replay.amounts import Pricing
    from router.replay.reader import Reader
    from router.settings import Settings

BAD_LINES_STATUS = 3
"""Exit status where some lines were no requests; the figures are of the others."""

BAD_LINES_NAMED = 10


@click.command("replay")
@click.argument("file", required=False, type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--threshold", "thresholds", multiple=True, help="Threshold, 0 to 1; may be given several times.")
@click.option("--quality", "qualities", multiple=True, help="The threshold for this part of the gap, 0 to 1.")
@click.option("--strong-share", "shares", multiple=True, help="The threshold for this share of strong calls, 0 to 1.")
@click.option("--point", "points", multiple=True, metavar="NAME", help="Operating point of the artifact, as auto:NAME.")
@click.option("--since", type=click.DateTime(), help="Recorded requests from this day or time (UTC) on.")
@click.option(
    "--last",
    type=click.IntRange(min=1),
    help="So many of the newest requests of the server's own ledger, where there is no FILE.  [default: 1000]",
)
@click.option(
    "--answer-tokens",
    type=click.IntRange(min=0),
    help="Length of an answer to a request that nobody has answered.  [default: the mean in the ledger, else 264]",
)
@artifact_option
@unfamiliar_option
@home_option
@config_option
@json_option
def command(
    *,
    file: Path | None,
    thresholds: tuple[str, ...],
    qualities: tuple[str, ...],
    shares: tuple[str, ...],
    points: tuple[str, ...],
    since: datetime | None,
    last: int | None,
    answer_tokens: int | None,
    artifact: str | None,
    unfamiliar: str | None,
    home: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Decide past requests once more: what each threshold would have cost, and what quality is expected of it.

    FILE has one request a line, of any kind: what `underdog ledger export` writes (with --prompts, requests of
    another artifact can be scored again), chat requests, or OpenAI's batch input; - is standard input. Without FILE the
    server's own ledger is read, also while the server writes it. Without a threshold those in use and the artifact's
    points are shown. Nobody is asked anything, and nothing is changed.

    Exit status: 0; 1 where nothing can be told; 3 where some lines were no requests, which are named.
    """
    if file is not None and last is not None:
        raise click.UsageError("--last is for the server's own ledger: leave it out, or FILE.")
    settings = load_settings(flags={"home": home, "artifact": artifact, "unfamiliar": unfamiliar}, config=config)
    from router.artifacts.in_use import load_in_use
    from router.commands.replay_told import asked_of, told_of

    in_use = load_in_use(settings)
    asked = asked_of(in_use, thresholds=thresholds, qualities=qualities, shares=shares, points=points)
    reader, bad = _read(file, last, settings, in_use, since, answer_tokens)
    told = told_of(reader, asked, settings, bad_lines=bad)
    if as_json:
        print_json(told)
    else:
        from router.commands.replay_tables import show

        show(told)
    sys.exit(BAD_LINES_STATUS if bad else 0)


def _read(
    file: Path | None,
    last: int | None,
    settings: Settings,
    in_use: InUse,
    since: datetime | None,
    answer_tokens: int | None,
) -> tuple[Reader, int]:
    """All requests, and how many lines were none."""
    from router.replay.reader import Reader

    begin = None if since is None else since.replace(tzinfo=UTC)
    length = _length(settings) if answer_tokens is None else (lambda: answer_tokens)
    reader = Reader(in_use.scorer, _pricing(settings), length, begin)
    if file is None:
        _read_ledger(reader, settings, last or 1_000, begin)
        return reader, 0
    with _opened(file) as stream, _progress(stream) as at:
        return reader, _read_lines(reader, stream, at)


def _read_ledger(reader: Reader, settings: Settings, last: int, since: datetime | None) -> None:
    from router.database import open_database
    from router.ledger.decided import read_decided
    from router.ledger.reading import reading

    with closing(open_database(settings, "ledger")) as database, reading(database) as connection:
        for past in read_decided(connection, limit=last, since=since):
            reader.take_past(past)


def _read_lines(reader: Reader, stream: BinaryIO, at: Callable[[int], None]) -> int:
    from router.replay.lines import MOST_BYTES, BadLine, lines_of, parsed

    bad = read = 0
    for number, line in lines_of(stream):
        read += len(line or b"")
        at(read)
        try:
            if line is None:
                raise BadLine(f"longer than {MOST_BYTES // 1024**2} MB")
            reader.take(parsed(line))
        except BadLine as error:
            bad += 1
            if bad <= BAD_LINES_NAMED:
                click.echo(printable(f"line {number}: {error}"), err=True)
    if bad > BAD_LINES_NAMED:
        click.echo(f"and {bad - BAD_LINES_NAMED:,} more lines that are no requests", err=True)
    return bad


def _pricing(settings: Settings) -> Pricing:
    """The models that the settings name, and their prices as a server would have them."""
    from router.errors import PriceListError
    from router.ledger.price_list import PriceList
    from router.ledger.prices import Prices
    from router.replay.amounts import Pricing
    from router.upstream.build import build_upstreams

    try:
        PriceList(settings.home_path).adopt()
    except PriceListError as error:  # a server goes on with the installed one
        click.echo(str(error), err=True)
    return Pricing.between(Prices(settings.prices), build_upstreams(settings, os.environ))


def _length(settings: Settings) -> Callable[[], int]:
    """The length of an answer that nobody has given: by the ledger, where it tells, looked up once it is needed."""
    import functools

    from router.admission import EXPECTED_COMPLETION_TOKENS
    from router.database import open_database
    from router.errors import LedgerError
    from router.ledger.decided import mean_answer_tokens
    from router.ledger.reading import reading

    @functools.cache
    def length() -> int:
        database, mean = open_database(settings, "ledger"), None
        with closing(database), suppress(LedgerError), reading(database) as connection:
            mean = mean_answer_tokens(connection)
        return EXPECTED_COMPLETION_TOKENS if mean is None else round(mean)

    return length


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = file.open("rb")
    except OSError as error:
        raise click.ClickException(f"{file}: cannot be read ({error.strerror}).") from error
    with stream:
        yield stream


@contextmanager
def _progress(stream: BinaryIO) -> Iterator[Callable[[int], None]]:
    """Shows how far a file has been read, on a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    size = os.fstat(stream.fileno()).st_size or None
    columns: Iterable[TextColumn | BarColumn | TimeRemainingColumn] = (
        TextColumn("deciding"),
        BarColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("", total=size)
        yield lambda read: progress.update(bar, completed=read)
