"""``underdog ledger``: what the ledger holds."""

from __future__ import annotations

import csv
import errno
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import click
import msgspec

from router.commands.ledger_prompts import command as prompts_command
from router.commands.options import config_option, home_option, json_option, print_json
from router.settings import load_settings

Write = Callable[[Iterator[dict[str, Any]], TextIO], int]
"""Writes records, and gives how many they were."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_REMEDY = "check the path and the space left."
_FOR_ALL, _FOR_THIS_USER = 0o666, 0o600
"""What a new file allows, before the umask: where prompts are in it, as little as the ledger itself."""


file_json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON: what file was written (--out), and how many records it has."
)


@click.group("ledger")
def command() -> None:
    """What the ledger holds."""


@command.command()
@click.option("--since", type=click.DateTime(), help="Requests from this day or time (UTC) on.  [default: all]")
@click.option("--tenant", help="Requests of this tenant.  [default: all]")
@click.option("--prompts", is_flag=True, help="With prompts and answers, as far as `ledger_prompts` let them be kept.")
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write.  [default: standard output]"
)
@home_option
@config_option
@file_json_option
def export(
    *,
    since: datetime | None,
    tenant: str | None,
    prompts: bool,
    form: str,
    out: Path | None,
    home: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Write the requests, one record each, with the callers' feedback: no keys, and no prompts unless asked for.

    `train-router tune-threshold --on` reads it. In CSV, a text that a spreadsheet would run as a formula gets a '
    before it.
    """
    _require_file(out, as_json)
    from router.database import open_database
    from router.ledger.export import EXPORTED, PROMPT_FIELDS, read_export
    from router.ledger.opening import prompt_keys

    settings = load_settings(flags={"home": home}, config=config)
    begin = None if since is None else since.replace(tzinfo=UTC)
    keys = prompt_keys(settings) if prompts else None
    fields = (*EXPORTED, *PROMPT_FIELDS) if prompts else EXPORTED
    mode = _FOR_THIS_USER if prompts else _FOR_ALL
    with closing(open_database(settings, "ledger")) as database:
        records = read_export(database, since=begin, tenant=tenant, prompt_keys=keys)
        written = _write_records(records, form, out, fields=fields, mode=mode)
    _say_written(written, form, out, as_json)


@command.command()
@click.option("--since", type=click.DateTime(), help="Requests from this day or time (UTC) on.  [default: all]")
@click.option("--tenant", help="Requests of this tenant.  [default: all]")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write.  [default: standard output]"
)
@home_option
@config_option
@file_json_option
def pairs(
    *,
    since: datetime | None,
    tenant: str | None,
    out: Path | None,
    home: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Write the reworded questions that callers rated, each beside the question whose answer it got, as JSON lines.

    They are kept from the moment that the setting `cache_keep_pairs` is on. `train-router verifier --pairs` reads them.
    """
    _require_file(out, as_json)
    from router.database import open_database
    from router.ledger.feedback import read_pairs

    begin = None if since is None else since.replace(tzinfo=UTC)
    with closing(open_database(load_settings(flags={"home": home}, config=config), "ledger")) as database:
        records = read_pairs(database, since=begin, tenant=tenant)
        written = _write_records(records, "jsonl", out, mode=_FOR_THIS_USER)
    _say_written(written, "jsonl", out, as_json)


@command.command()
@click.option(
    "--days",
    type=click.FloatRange(min=0, min_open=True),
    help="Keep so many.  [default: the setting `ledger_keep_days`]",
)
@home_option
@config_option
@json_option
def prune(*, days: float | None, home: str | None, config: Path | None, as_json: bool) -> None:
    """Delete the requests that are older, with their prompts and ratings; totals stay. A server may be running."""
    from router.database import open_database, require_newest_schema
    from router.ledger.migrations import COMPONENT, MIGRATIONS
    from router.ledger.reading import as_ledger_errors
    from router.ledger.retention import prune as prune_before

    settings = load_settings(flags={"home": home, "ledger_keep_days": days}, config=config)
    if settings.ledger_keep_days is None:
        raise click.UsageError("say how many days to keep: --days, or the setting `ledger_keep_days`.")
    before = datetime.now(UTC) - timedelta(days=settings.ledger_keep_days)
    with closing(open_database(settings, "ledger")) as database, as_ledger_errors():
        require_newest_schema(database, COMPONENT, MIGRATIONS)
        gone = prune_before(database, before)
    if as_json:
        print_json({"pruned": gone, "before": before})
    else:
        click.echo(f"{gone} requests are gone.")


command.add_command(prompts_command)


def _write_records(
    records: Iterator[dict[str, Any]], form: str, out: Path | None, *, mode: int, fields: Sequence[str] = ()
) -> int:
    """One line for each record; of ``fields`` in CSV. Gives how many they were."""
    write: Write = partial(_write_csv, fields=fields) if form == "csv" else _write_json_lines
    if out is None:
        return _write_standard_output(write, records)
    try:
        if out.exists() and not out.is_file():
            return _write_file(write, records, out, mode)  # a pipe or a device: it must not be replaced
        return _write_whole_file(write, records, out, mode)
    except OSError as error:
        raise click.ClickException(f"{out}: {error.strerror}; {_REMEDY}") from error


def _require_file(out: Path | None, as_json: bool) -> None:
    if as_json and out is None:
        raise click.UsageError("--json tells of the file that was written: add --out; else the records are there.")


def _say_written(records: int, form: str, out: Path | None, as_json: bool) -> None:
    if as_json:
        print_json({"file": str(out), "format": form, "records": records})


def _write_standard_output(write: Write, records: Iterator[dict[str, Any]]) -> int:
    # Whatever the locale, as with a file: UTF-8.
    stream = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="", write_through=True)
    try:
        try:
            return write(records, stream)
        finally:
            stream.detach()
    except OSError as error:
        # What is still in the buffer would fail once more when Python ends: let it go nowhere.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        if error.errno == errno.EPIPE:  # the reader has seen enough; click ends quietly
            raise
        raise click.ClickException(f"standard output: {error.strerror}; {_REMEDY}") from error


def _write_whole_file(write: Write, records: Iterator[dict[str, Any]], out: Path, mode: int) -> int:
    """A file that appears, or takes another's place, only when all of it is written."""
    part = out.with_name(out.name + ".part")
    try:
        written = _write_file(write, records, part, mode)
        part.replace(out)
    finally:
        with suppress(OSError):  # the failure that led here is the one to report
            part.unlink(missing_ok=True)
    return written


def _write_file(write: Write, records: Iterator[dict[str, Any]], path: Path, mode: int) -> int:
    with open(path, "w", encoding="utf-8", newline="", opener=partial(os.open, mode=mode)) as sink:
        return write(records, sink)


def _write_json_lines(records: Iterator[dict[str, Any]], sink: TextIO) -> int:
    written = 0
    for record in records:
        sink.write(msgspec.json.encode(record).decode() + "\n")
        written += 1
    return written


def _write_csv(records: Iterator[dict[str, Any]], sink: TextIO, *, fields: Sequence[str]) -> int:
    writer = csv.DictWriter(sink, fields)
    writer.writeheader()
    written = 0
    for record in records:
        writer.writerow({name: _inert(value) for name, value in record.items()})
        written += 1
    return written


def _inert(value: Any) -> Any:
    """A text that no spreadsheet runs as a formula: some of them, such as the requested model, are the caller's."""
    if isinstance(value, list):  # messages
        return msgspec.json.encode(value).decode()
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value
