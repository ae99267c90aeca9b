"""Requests as people look through them: the newest first, by conditions, a page at a time; or a few by their ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from router.database import Connection
from router.ledger.rows import COLUMNS, decode
from router.types import LedgerRow, Rating

LOOKED_AT = 50_000
"""Requests that one page looks through at most, however few of them are wanted."""

# Only names of our own and marks for values are put into SQL.
_SELECT = (
    f"SELECT {', '.join(f'requests.{name}' for name in COLUMNS)}, feedback.rating, requests.seq "  # noqa: S608
    "FROM requests LEFT JOIN feedback ON feedback.request_id = requests.request_id"
)
_ENDS = "SELECT (SELECT min(seq) FROM requests), (SELECT max(seq) FROM requests)"


class Kept(Struct, frozen=True):
    """A request in the ledger, and what its caller thought of the answer, if that was said."""

    row: LedgerRow
    rating: Rating | None


class Conditions(Struct, frozen=True, kw_only=True):
    """What must hold of a request, by the names of its row; None leaves it open."""

    request_id: str | None = None
    tenant: str | None = None
    route: str | None = None
    reason: str | None = None
    outcome: str | None = None
    cache: str | None = None
    model: str | None = None


class Page(Struct, frozen=True):
    """Requests, the newest first. ``before``: where the next page begins; None where there is none."""

    requests: list[Kept]
    before: int | None


def read_page(connection: Connection, conditions: Conditions, *, limit: int, before: int | None = None) -> Page:
    """The newest requests for which the conditions hold.

    A page may be short, and even empty, where few of the requests are wanted: it ends once it has looked through
    ``LOOKED_AT``, and the next one goes on from there.

    Args:
        connection: within a transaction.
        conditions: all must hold.
        limit: requests on the page.
        before: as the page before said it; None for the first.
    """
    oldest, newest = connection.execute(_ENDS).fetchone()
    if newest is None:
        return Page([], None)
    end = newest + 1 if before is None else min(before, newest + 1)
    begin = max(end - LOOKED_AT, oldest)
    held = {name: value for name, value in msgspec.structs.asdict(conditions).items() if value is not None}
    if conditions.request_id is not None:
        begin = oldest  # there is an index for it
    where = " AND ".join(["requests.seq >= ?", "requests.seq < ?", *(f"requests.{name} = ?" for name in held)])
    select = f"{_SELECT} WHERE {where} ORDER BY requests.seq DESC LIMIT ?"
    found = connection.execute(select, (begin, end, *held.values(), limit)).fetchall()
    last = found[-1][-1] if len(found) == limit else begin
    return Page([_kept(values) for values in found], last if last > oldest else None)


def read_requests(connection: Connection, request_ids: Sequence[str]) -> dict[str, Kept]:
    """Those of a few requests that are there, by their ids."""
    if not request_ids:
        return {}
    select = f"{_SELECT} WHERE requests.request_id IN ({', '.join('?' * len(request_ids))})"
    kept = [_kept(values) for values in connection.execute(select, request_ids)]
    return {each.row.request_id: each for each in kept}


def _kept(values: Sequence[Any]) -> Kept:
    return Kept(decode(values[: len(COLUMNS)]), values[len(COLUMNS)])
