"""What models answered lately of one scope's requests: for who must know, after a start, what its traffic is like."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

from router.database import Connection
from router.ledger.rollup import ScopeKind
from router.ledger.rows import micros, moment
from router.types import Route

MOST = 2_000
"""Requests that are told of."""

AMONG = 50_000
"""Newest requests of everybody's among which they are looked for, so that no ledger is too long to look into."""

# Only constants of our own are put into SQL; values are always bound.
_NEWEST = (
    "SELECT at, cost_usd, route, win_rate, threshold, reason FROM requests "  # noqa: S608
    f"WHERE seq > (SELECT coalesce(max(seq), 0) - {AMONG} FROM requests) AND at >= ? AND cost_usd IS NOT NULL "
    "AND attempts > 0 AND outcome = 'ok'"
)
_OF = {"server": "", "team": " AND team = ?", "key": " AND key_id = ?"}
_SELECT = {kind: f"{_NEWEST}{of} ORDER BY seq DESC LIMIT {MOST}" for kind, of in _OF.items()}


class Answered(Struct, frozen=True):
    """One request that a model answered: when, what it cost in US dollars, and how it was decided."""

    at: datetime
    usd: Decimal
    route: Route | None
    win_rate: float | None
    threshold: float | None
    reason: str | None


def read_lately(connection: Connection, kind: ScopeKind, id: str, since: datetime) -> list[Answered]:
    """The newest requests of the server, a team or a key since then, oldest first."""
    values = (micros(since),) if kind == "server" else (micros(since), id)
    return list(_answered(connection.execute(_SELECT[kind], values)))[::-1]


def _answered(found: Iterable[Any]) -> Iterator[Answered]:
    for at, usd, *how in found:
        yield Answered(moment(at), Decimal(usd), *how)
