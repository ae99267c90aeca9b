"""What callers thought of answers: one rating for each request, kept beside its row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from router.database import Connection, Database
from router.ledger.reading import reading
from router.ledger.rows import micros, moment
from router.types import CacheOutcome, Rating

# The row says whose request it is: nobody rates those of others.
_FIND = """
    SELECT requests.at, cache, cache_key, cache_entry, cache_verdict, cache_verifier, rating
    FROM requests LEFT JOIN feedback USING (request_id)
    WHERE request_id = ? AND tenant = ?
"""
# The last rating stays.
_RATE = """
    INSERT INTO feedback (request_id, rating, at) VALUES (?, ?, ?)
    ON CONFLICT (request_id) DO UPDATE SET rating = excluded.rating, at = excluded.at
"""
_KEEP = "INSERT INTO rated_pairs (request_id, a, b) VALUES (?, ?, ?) ON CONFLICT (request_id) DO NOTHING"
_REWORDED = """
    SELECT request_id, tenant, requests.at, cache_key, cache_entry, cache_verdict, cache_verifier, rating
    FROM requests LEFT JOIN feedback USING (request_id)
    WHERE cache_entry IS NOT NULL AND requests.at >= ? AND outcome = 'ok'
    ORDER BY seq DESC LIMIT ?
"""
_PAIRS = """
    SELECT a, b, rating FROM rated_pairs JOIN requests USING (request_id) JOIN feedback USING (request_id)
    WHERE requests.at >= ? AND (CAST(? AS TEXT) IS NULL OR tenant = ?) ORDER BY seq
"""


REWORDED_DAYS, REWORDED_MOST = 90.0, 50_000
"""How far back answered rewordings are read when a server starts, and how many."""


class Rated(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was rated: when it was asked, how the cache dealt with it, and what was said of it ``before``.

    The fields named ``cache_*`` are those of ``LedgerRow``.
    """

    at: datetime
    cache: CacheOutcome | None
    cache_key: str | None
    cache_entry: str | None
    cache_verdict: float | None
    cache_verifier: str | None
    before: Rating | None


class Reworded(msgspec.Struct, frozen=True, kw_only=True):
    """A reworded question that was answered from the cache, and its rating, if it has one."""

    request_id: str
    tenant: str
    at: datetime
    cache_key: str | None
    cache_entry: str
    cache_verdict: float | None
    cache_verifier: str | None
    rating: Rating | None


def rate(
    connection: Connection,
    *,
    request_id: str,
    tenant: str,
    rating: Rating,
    at: int,
    pair: tuple[str, str] | None = None,
) -> Rated | None:
    """Keep a rating, in place of an earlier one.

    Args:
        connection: within a transaction that may write.
        request_id: the rated request.
        tenant: who rates.
        rating: ``good`` or ``bad``.
        at: when, in microseconds since 1970, UTC.
        pair: the request that was answered before and this one, as JSON, where both may be kept.

    Returns:
        What is known of the request; None where this tenant has no such request.
    """
    found = connection.execute(_FIND, (request_id, tenant)).fetchone()
    if found is None:
        return None
    connection.execute(_RATE, (request_id, rating, at))
    if pair is not None:
        connection.execute(_KEEP, (request_id, *pair))
    asked, *rest = found
    return Rated(at=moment(asked), **dict(zip(Rated.__struct_fields__[1:], rest, strict=True)))


def read_reworded(
    database: Database, *, now: datetime, days: float = REWORDED_DAYS, most: int = REWORDED_MOST
) -> list[Reworded]:
    """The newest reworded questions that were answered from the cache, oldest first.

    Args:
        database: the ledger.
        now: aware.
        days: how far to look back.
        most: how many at most.

    Raises:
        LedgerError: there is no such ledger, its schema is not the newest, or it cannot be read.
    """
    since = micros(now - timedelta(days=days))
    with reading(database) as connection:
        found = connection.execute(_REWORDED, (since, most)).fetchall()
    return [_reworded(dict(zip(Reworded.__struct_fields__, values, strict=True))) for values in reversed(found)]


def read_pairs(
    database: Database, *, since: datetime | None = None, tenant: str | None = None
) -> Iterator[dict[str, Any]]:
    """Rated rewordings whose texts were kept, as rows of ``a``, ``b``, ``same_answer`` and ``family``, oldest first.

    Args:
        database: the ledger.
        since: aware; None for the beginning.
        tenant: whose requests; None for all.

    Raises:
        LedgerError: there is no such ledger, its schema is not the newest, or it cannot be read.
    """
    first = 0 if since is None else micros(since)
    with reading(database) as connection:
        for a, b, rating in connection.stream(_PAIRS, (first, tenant, tenant)):
            texts = {"a": msgspec.json.decode(a), "b": msgspec.json.decode(b)}
            yield texts | {"same_answer": rating == "good", "family": "reported"}


def _reworded(fields: dict[str, Any]) -> Reworded:
    return Reworded(**fields | {"at": moment(fields["at"])})
