"""Who used what: sums over any period, by any of the things that requests are counted by, exact to the last digit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from msgspec import Struct

from router.database import Connection
from router.database.money import EXACT
from router.ledger.baseline import LENGTHS, Lengths
from router.ledger.periods import Period, Span, spans
from router.ledger.rollup import QUARTER_S, SUMS, Totals, totals_of_sums

By = Literal["day", "week", "month", "tenant", "team", "key", "user", "model", "route", "cache"]
"""What figures may be told apart by."""

BY: tuple[By, ...] = get_args(By)
PERIODS: tuple[Period, ...] = get_args(Period)

MOST_PERIODS = 3_700
"""Ten years of days."""

_COLUMNS = {"key": "key_id", "user": "user_id"}
_HOUR_US = 3_600_000_000


class UsageQuery(Struct, frozen=True, kw_only=True):
    """What is asked.

    ``since`` and ``until`` (which is outside) are aware; periods begin and end with a quarter of an hour. ``zone`` is
    where days begin. The others narrow to requests of exactly that; an empty text means those without.
    """

    by: tuple[By, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    zone: ZoneInfo
    tenant: str | None = None
    team: str | None = None
    key: str | None = None
    user: str | None = None
    model: str | None = None
    route: str | None = None


class UsageRow(Struct, frozen=True, kw_only=True):
    """Sums over some requests. Amounts are exact US dollars as text; None where they are not known.

    ``by``: what the requests have in common; None for those without. ``estimated_requests``: their tokens were counted
    by us, since nobody said. ``unpriced_requests``: answered by a model whose price nobody knows; ``cost_usd`` is over
    the others. ``baseline_usd``: what the strong model would have cost for the same tokens. ``saved_usd`` is over the
    ``compared_requests``, whose cost and baseline are both known; had the strong model answered in its own number of
    words, it would lie between ``saved_low_usd`` and ``saved_high_usd`` (95 %). ``routing_s``, ``verifying_s``,
    ``embedded_s``: seconds of this machine for decisions, for the cache's verdicts, for the embedded LLM.
    ``compute_usd``: these in money, where the operator said what an hour costs.
    """

    by: dict[str, str | None]
    requests: int
    errors: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cache_written_tokens: int
    reasoning_tokens: int
    estimated_requests: int
    unpriced_requests: int
    compared_requests: int
    cost_usd: str | None
    baseline_usd: str | None
    saved_usd: str | None
    saved_low_usd: str | None
    saved_high_usd: str | None
    routing_s: float
    verifying_s: float
    embedded_s: float
    compute_usd: str | None


class UsageReport(Struct, frozen=True, kw_only=True):
    """Rows in the order of their periods, the dearest first within one, and their ``total``.

    ``baseline_lengths``: the strong model's tokens for one of another model's answer, low and high, that the interval
    of savings rests on.
    """

    since: str | None
    until: str | None
    time_zone: str
    grouped_by: tuple[By, ...]
    baseline_lengths: tuple[str, str]
    rows: list[UsageRow]
    total: UsageRow


class Terms(Struct, frozen=True):
    """How sums become figures: what the interval rests on, and what an hour of this machine costs (0: not said)."""

    lengths: Lengths = LENGTHS
    compute_usd_per_hour: Decimal = Decimal(0)


def read_usage(connection: Connection, query: UsageQuery, terms: Terms) -> UsageReport:
    """Read the sums: half a second for a month of 50 busy keys, 30 ms for the month of one.

    Raises:
        ValueError: there are more periods than anybody reads.
    """
    total = Totals()
    rows = []
    for names, part in _groups(connection, query):
        total.add(part)
        rows.append(_row(names, part, terms))
    return UsageReport(
        since=query.since.isoformat() if query.since else None,
        until=query.until.isoformat() if query.until else None,
        time_zone=query.zone.key or "UTC",
        grouped_by=query.by,
        baseline_lengths=(str(terms.lengths.low), str(terms.lengths.high)),
        rows=rows,
        total=_row({}, total, terms),
    )


def _groups(connection: Connection, query: UsageQuery) -> Iterator[tuple[dict[str, str | None], Totals]]:
    periods = [name for name in query.by if name in PERIODS]
    others = [name for name in query.by if name not in PERIODS]
    # The shortest of several: the longer ones follow from it.
    for span in _spans(connection, query, periods):
        found = [
            (dict(zip(others, names, strict=True)), part) for names, part in _sums(connection, query, span, others)
        ]
        found.sort(key=lambda group: (-group[1].cost_usd, [name or "" for name in group[0].values()]))
        for names, part in found:
            named = dict.fromkeys(periods, span.name) | names
            yield {name: named[name] for name in query.by}, part


def _spans(connection: Connection, query: UsageQuery, periods: Sequence[Any]) -> Iterator[Span]:
    """The periods that figures are told for; one for all where none was asked for."""
    first, last = connection.execute("SELECT min(quarter), max(quarter) FROM quarters").fetchone()
    if first is None:
        return
    begin, end = int(first), int(last) + QUARTER_S
    if query.since is not None:
        begin = max(begin, int(query.since.timestamp()) // QUARTER_S * QUARTER_S)
    if query.until is not None:
        end = min(end, -(-int(query.until.timestamp()) // QUARTER_S) * QUARTER_S)
    if not periods:
        if begin < end:
            yield Span("", begin, end)
        return
    for count, span in enumerate(spans(periods[0], begin, end, query.zone)):
        if count >= MOST_PERIODS:
            raise ValueError(f"more than {MOST_PERIODS} periods; narrow them with since and until")
        yield span


def _sums(
    connection: Connection, query: UsageQuery, span: Span, by: Sequence[str]
) -> Iterator[tuple[tuple[str | None, ...], Totals]]:
    columns = [_COLUMNS.get(name, name) for name in by]
    where, values = ["quarter >= ?", "quarter < ?"], [span.begin, span.end, *_wanted(query).values()]
    where += [f"{_COLUMNS.get(name, name)} = ?" for name in _wanted(query)]
    # Only names of our own are put into SQL; values are always bound.
    sql = f"SELECT {', '.join((*columns, *SUMS))} FROM quarters WHERE {' AND '.join(where)}"  # noqa: S608
    if columns:
        sql += f" GROUP BY {', '.join(columns)}"
    for found in connection.execute(sql, values):
        part = totals_of_sums(found[len(columns) :])
        if part.requests:
            yield tuple(name or None for name in found[: len(columns)]), part


def _wanted(query: UsageQuery) -> dict[str, str]:
    names = ("tenant", "team", "key", "user", "model", "route")
    return {name: value for name in names if (value := getattr(query, name)) is not None}


def _row(by: dict[str, str | None], part: Totals, terms: Terms) -> UsageRow:
    saved = part.saved_usd if part.compared else None
    low, high = (
        None if saved is None else EXACT.add(saved, EXACT.multiply(part.uncertain_usd, ratio - 1))
        for ratio in terms.lengths
    )
    busy_us = part.decision_us + part.verify_us + part.embedded_us
    compute = (
        EXACT.divide(terms.compute_usd_per_hour * busy_us, Decimal(_HOUR_US)) if terms.compute_usd_per_hour else None
    )
    return UsageRow(
        by=by,
        requests=part.requests,
        errors=part.errors,
        prompt_tokens=part.prompt_tokens,
        completion_tokens=part.completion_tokens,
        cached_tokens=part.cached_tokens,
        cache_written_tokens=part.cache_written_tokens,
        reasoning_tokens=part.reasoning_tokens,
        estimated_requests=part.estimated,
        unpriced_requests=part.unpriced,
        compared_requests=part.compared,
        cost_usd=usd(part.cost_usd if part.priced or not part.unpriced else None),
        baseline_usd=usd(part.baseline_cost_usd if part.baselined else None),
        saved_usd=usd(saved),
        saved_low_usd=usd(low),
        saved_high_usd=usd(high),
        routing_s=part.decision_us / 1e6,
        verifying_s=part.verify_us / 1e6,
        embedded_s=part.embedded_us / 1e6,
        compute_usd=usd(compute),
    )


def dollars(amount: Decimal) -> str:
    """All of an amount's digits, and no zeros behind them."""
    return format(amount.normalize(EXACT) or Decimal(0), "f")


def usd(amount: Decimal | None) -> str | None:
    """The same of an amount that may not be known."""
    return None if amount is None else dollars(amount)
