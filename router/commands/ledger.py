"""``underdog ledger``: what the ledger holds."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import click
import msgspec

from router.commands.options import config_option, home_option
from router.settings import load_settings


@click.group("ledger")
def command() -> None:
    """What the ledger holds."""


@command.command()
@click.option("--since", type=click.DateTime(), help="Requests from this day or time (UTC) on.  [default: all]")
@click.option("--tenant", help="Requests of this tenant.  [default: all]")
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write.  [default: standard output]"
)
@home_option
@config_option
def export(
    *, since: datetime | None, tenant: str | None, form: str, out: Path | None, home: str | None, config: Path | None
) -> None:
    """Write the requests, one record each, with the callers' feedback: no prompts, no answers, no keys.

    `train-router tune-threshold --on` reads it.
    """
    from router.ledger.export import read_export
    from router.ledger.ledger import LEDGER_FILE

    path = load_settings(flags={"home": home}, config=config).home_path / LEDGER_FILE
    begin = None if since is None else since.replace(tzinfo=UTC)
    _write_records(read_export(path, since=begin, tenant=tenant), form, out)


def _write_records(records: Iterator[dict[str, Any]], form: str, out: Path | None) -> None:
    """One line for each record; a file appears only when all of it is written."""
    write: Callable[[Iterator[dict[str, Any]], TextIO], None] = _write_csv if form == "csv" else _write_json_lines
    if out is None:
        # Whatever the locale, as with a file: UTF-8.
        stream = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="", write_through=True)
        write(records, stream)
        stream.detach()
        return
    partial = out.with_name(out.name + ".part")
    try:
        with partial.open("w", encoding="utf-8", newline="") as sink:
            write(records, sink)
        partial.replace(out)
    except OSError as error:
        raise click.ClickException(f"{out}: {error.strerror}; check the path and the space left.") from error
    finally:
        partial.unlink(missing_ok=True)


def _write_json_lines(records: Iterator[dict[str, Any]], sink: TextIO) -> None:
    sink.writelines(msgspec.json.encode(record).decode() + "\n" for record in records)


def _write_csv(records: Iterator[dict[str, Any]], sink: TextIO) -> None:
    from router.ledger.export import EXPORTED

    writer = csv.DictWriter(sink, EXPORTED)
    writer.writeheader()
    writer.writerows(records)
