"""``underdog report``: who used what, what it cost, and what was saved."""

from __future__ import annotations

import csv
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from router.commands.options import config_option, home_option, print_json
from router.commands.report_names import ids_of, names_of
from router.settings import load_settings

if TYPE_CHECKING:
    from router.ledger.usage import UsageReport, UsageRow

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@click.command("report")
@click.option(
    "--by",
    multiple=True,
    default=("day",),
    show_default=True,
    help="What to tell apart: day, week, month, tenant, team, key, user, model, route, cache; several with commas.",
)
@click.option("--since", help="From this day or time on.  [default: all]")
@click.option("--until", help="Up to this day or time, which is not included.  [default: all]")
@click.option("--tz", default="UTC", show_default=True, help="Time zone in which days begin, such as Europe/Berlin.")
@click.option("--tenant", help="Only this tenant's.")
@click.option("--team", help="Only this team's, by id or name.")
@click.option("--key", help="Only this key's, by id, by name, or by what it begins with.")
@click.option("--user", help="Only this user's.")
@click.option("--model", help="Only what this model answered.")
@click.option("--route", help="Only what this route answered.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV, amounts exact.")
@click.option("--json", "form", flag_value="json", help="Print JSON, amounts exact, as text.")
@home_option
@config_option
def command(
    *,
    by: tuple[str, ...],
    since: str | None,
    until: str | None,
    tz: str,
    form: str | None,
    home: str | None,
    config: Path | None,
    **only: str | None,
) -> None:
    """Sum up requests, tokens, cost and savings from the ledger, also beside a running server.

    Savings are told against the strong model at the same tokens, with the interval in which they lie had it answered in
    its own number of words (docs/costs.md). In CSV, a text that a spreadsheet would run as a formula gets a ' before
    it.
    """
    from router.database import open_database
    from router.ledger.baseline import lengths_of
    from router.ledger.reading import reading
    from router.ledger.usage import Terms, read_usage
    from router.ledger.usage_query import usage_query

    only["team"], only["key"], strangers = ids_of(home, config, team=only["team"], key=only["key"])
    settings = load_settings(flags={"home": home}, config=config)
    terms = Terms(lengths_of(settings.baseline_lengths), Decimal(str(settings.compute_usd_per_hour)))
    try:
        query = usage_query(by=by, since=since, until=until, tz=tz, **only)
        database = open_database(settings, "ledger")
        try:
            with reading(database) as connection:
                report = read_usage(connection, query, terms)
        finally:
            database.close()
    except ValueError as error:
        raise click.UsageError(f"{error}.") from None
    if strangers and not report.rows:
        click.echo(
            f"There is no {' and no '.join(strangers)}: see `underdog teams list`, `underdog keys list`.", err=True
        )
    if form == "json":
        print_json(report)
    elif form == "csv":
        _print_csv(report)
    else:
        from router.commands.report_tables import show

        teams, keys = ({row.by[kind] or "" for row in report.rows if kind in row.by} - {""} for kind in ("team", "key"))
        show(report, names_of(home, config, teams=teams, keys=keys))


def _print_csv(report: UsageReport) -> None:
    """A line for each row, and none for the total: whoever adds up must not count twice. What is unknown is empty."""
    figures = [name for name in msgspec.structs.fields(type(report.total)) if name.name != "by"]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([*report.grouped_by, *(field.name for field in figures)])
    for row in report.rows:
        names = [_inert(row.by[name] or "") for name in report.grouped_by]
        writer.writerow([*names, *(_shown(row, field.name) for field in figures)])


def _shown(row: UsageRow, name: str) -> Any:
    value = getattr(row, name)
    return "" if value is None else value


def _inert(text: str) -> str:
    """A name that no spreadsheet runs as a formula: some are the caller's."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
