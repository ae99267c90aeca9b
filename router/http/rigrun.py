"""What programs written for rigrun read of ``GET /stats`` and ``GET /cache/stats``, beside our own fields.

Names and meanings are those of its docs/API.md (github.com/jeranaias/rigrun).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import asdict

from router.cache import CacheStats
from router.ledger.ledger import Ledger
from router.ledger.reports import Stats
from router.ledger.usage import Terms, UsageQuery, UsageRow

_UTC = ZoneInfo("UTC")
_HOUR_S = 3600


class Session(Struct, frozen=True, kw_only=True):
    """Requests since this server started: from the quarter of an hour on in which it did, as the ledger counts.

    ``local_queries`` went to the weak model, ``cloud_queries`` to the strong one, cached answers to whose they were.
    """

    queries: int
    local_queries: int
    cloud_queries: int
    tokens_processed: int


class Today(Struct, frozen=True, kw_only=True):
    """Requests of this day (UTC). Amounts are US dollars; None where there were requests, and it is known for none."""

    queries: int
    saved_usd: float | None
    spent_usd: float | None


class StatsAnswer(Stats, frozen=True, kw_only=True):
    """Totals, and rigrun's ``session`` and ``today``, of the same tenant."""

    session: Session
    today: Today


class CacheStatsAnswer(CacheStats, frozen=True, kw_only=True):
    """The cache's figures, and the same by rigrun's names.

    ``hits`` are of both kinds, among ``total_lookups``; ``expired_skips``: entries that left since their time was over;
    ``hit_rate_percent``: 0..100.
    """

    total_lookups: int
    hits: int
    expired_skips: int
    total_stores: int
    hit_rate_percent: float
    ttl_hours: float


async def stats_answer(stats: Stats, ledger: Ledger, terms: Terms, *, started: datetime) -> StatsAnswer:
    """The totals with what rigrun tells beside them.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    session = await ledger.usage(UsageQuery(by=("route",), since=started, zone=_UTC, tenant=stats.tenant), terms)
    today = await ledger.usage(UsageQuery(since=midnight, zone=_UTC, tenant=stats.tenant), terms)
    routes = {row.by["route"]: row.requests for row in session.rows}
    return StatsAnswer(
        **asdict(stats),
        session=Session(
            queries=session.total.requests,
            local_queries=routes.get("weak", 0),
            cloud_queries=routes.get("strong", 0),
            tokens_processed=session.total.prompt_tokens + session.total.completion_tokens,
        ),
        today=Today(
            queries=today.total.requests,
            saved_usd=_dollars(today.total, today.total.saved_usd),
            spent_usd=_dollars(today.total, today.total.cost_usd),
        ),
    )


def cache_answer(stats: CacheStats, *, ttl_s: float) -> CacheStatsAnswer:
    """The cache's figures by both names."""
    fields: dict[str, Any] = asdict(stats)
    hits = stats.hits_exact + stats.hits_semantic
    return CacheStatsAnswer(
        **fields,
        total_lookups=hits + stats.misses,
        hits=hits,
        expired_skips=stats.expired,
        total_stores=stats.stored,
        hit_rate_percent=round(stats.hit_rate * 100, 2),
        ttl_hours=ttl_s / _HOUR_S,
    )


def _dollars(row: UsageRow, amount: str | None) -> float | None:
    if amount is None:
        return None if row.requests else 0.0
    return round(float(amount), 9)
