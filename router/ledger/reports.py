"""What `GET /stats` reports, read from the rollup and the newest rows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from router.database import Connection
from router.ledger import rollup
from router.ledger.baseline import LENGTHS, Lengths
from router.ledger.rollup import Key, Totals
from router.ledger.rows import moment

SAMPLE = 1000
"""Latency percentiles are those of this many newest requests."""

_LATENCIES = "SELECT latency_ms, decision_us FROM requests ORDER BY seq DESC LIMIT ?"
_LATENCIES_OF_TENANT = "SELECT latency_ms, decision_us FROM requests WHERE tenant = ? ORDER BY seq DESC LIMIT ?"


class Percentiles(Struct, frozen=True):
    """Percentiles by nearest rank: each is a value that was seen. None where nothing was measured."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


class Stats(Struct, frozen=True, kw_only=True):
    """Totals since the ledger began, of one tenant or (``tenant`` None) of all.

    The ``by_...`` counts leave out requests for which the ledger has no such field: one refused for its body has
    neither route nor cache outcome. Amounts are JSON numbers, exact sums rounded once to 1e-9 US dollars:
    ``cost_usd`` is over the ``priced_requests``, ``baseline_cost_usd`` over the ``baselined_requests``, ``saved_usd``
    over the ``compared_requests`` (both known), so it need not be the difference of the other two; had the strong model
    answered in its own number of words, it would lie between ``saved_low_usd`` and ``saved_high_usd`` (95 %). An amount
    is None where there were requests and it is known for none of them. ``since`` and ``last_at`` are aware UTC.
    Percentiles are over the newest ``sampled_requests``: ``latency_ms`` as the caller waited, ``decision_us`` as the
    routing decision took.
    """

    tenant: str | None
    since: datetime | None
    last_at: datetime | None
    requests: int
    by_outcome: dict[str, int]
    by_route: dict[str, int]
    by_reason: dict[str, int]
    by_cache: dict[str, int]
    by_error: dict[str, int]
    prompt_tokens: int
    completion_tokens: int
    estimated_requests: int
    priced_requests: int
    baselined_requests: int
    compared_requests: int
    cost_usd: float | None
    baseline_cost_usd: float | None
    saved_usd: float | None
    saved_low_usd: float | None
    saved_high_usd: float | None
    sampled_requests: int
    latency_ms: Percentiles
    decision_us: Percentiles


def read_stats(connection: Connection, tenant: str | None, lengths: Lengths = LENGTHS) -> Stats:
    """Read the statistics of one tenant or (None) of all: dozens of totals each, and the newest ``SAMPLE`` rows."""
    stored = rollup.load(connection, tenant)
    totals = Totals()
    for _, part in stored:
        totals.add(part)
    low, high = (totals.saved_usd + totals.uncertain_usd * (ratio - 1) for ratio in lengths)
    timings = _newest_timings(connection, tenant)
    return Stats(
        tenant=tenant,
        since=None if totals.first_at is None else moment(totals.first_at),
        last_at=None if totals.last_at is None else moment(totals.last_at),
        requests=totals.requests,
        by_outcome=_count_by("outcome", stored),
        by_route=_count_by("route", stored),
        by_reason=_count_by("reason", stored),
        by_cache=_count_by("cache", stored),
        by_error=_count_by("error_code", stored),
        prompt_tokens=totals.prompt_tokens,
        completion_tokens=totals.completion_tokens,
        estimated_requests=totals.estimated,
        priced_requests=totals.priced,
        baselined_requests=totals.baselined,
        compared_requests=totals.compared,
        cost_usd=_dollars(totals.cost_usd, known=totals.priced, of=totals.requests),
        baseline_cost_usd=_dollars(totals.baseline_cost_usd, known=totals.baselined, of=totals.requests),
        saved_usd=_dollars(totals.saved_usd, known=totals.compared, of=totals.requests),
        saved_low_usd=_dollars(low, known=totals.compared, of=totals.requests),
        saved_high_usd=_dollars(high, known=totals.compared, of=totals.requests),
        sampled_requests=len(timings),
        latency_ms=percentiles([latency for latency, _ in timings]),
        decision_us=percentiles([decision for _, decision in timings if decision is not None]),
    )


def percentiles(values: Sequence[float]) -> Percentiles:
    """The 50th, 95th and 99th percentile by nearest rank."""
    if not values:
        return Percentiles()
    ordered = sorted(values)
    p50, p95, p99 = (ordered[math.ceil(len(ordered) * percent / 100) - 1] for percent in (50, 95, 99))
    return Percentiles(p50, p95, p99)


def _newest_timings(connection: Connection, tenant: str | None) -> list[tuple[float, float | None]]:
    if tenant is None:
        return connection.execute(_LATENCIES, (SAMPLE,)).fetchall()
    return connection.execute(_LATENCIES_OF_TENANT, (tenant, SAMPLE)).fetchall()


def _count_by(field: str, stored: Sequence[tuple[Key, Totals]]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for key, totals in stored:
        if name := getattr(key, field):
            counts[name] += totals.requests
    return dict(counts.most_common())


def _dollars(amount: Decimal, *, known: int, of: int) -> float | None:
    return None if of and not known else float(round(amount, 9))
