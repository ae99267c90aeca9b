"""The ledger as a stream of plain records, for tools that know nothing of its file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from router.ledger.rows import COLUMNS, moment

EXPORTED = (*(name for name in COLUMNS if name != "key_id"), "feedback")
"""The fields of an exported request: what the ledger keeps but for the name of the key, and the caller's rating."""

_FROM = "FROM requests LEFT JOIN feedback USING (request_id)"
_NAMES = ", ".join("rating" if name == "feedback" else f"requests.{name}" for name in EXPORTED)
# Only names of our own are put into SQL; values are always bound.
_SELECT = f"SELECT {_NAMES} {_FROM} WHERE requests.at >= ? ORDER BY seq"
_SELECT_OF_TENANT = f"SELECT {_NAMES} {_FROM} WHERE requests.at >= ? AND tenant = ? ORDER BY seq"


def exported(connection: sqlite3.Connection, *, since: int, tenant: str | None) -> Iterator[dict[str, Any]]:
    """Requests from ``since`` (microseconds since 1970, UTC) on, oldest first, one at a time.

    Args:
        connection: stays open while the stream is read.
        since: as above.
        tenant: whose requests; None for all.

    Raises:
        sqlite3.Error: the file cannot be read.
    """
    found = (
        connection.execute(_SELECT, (since,))
        if tenant is None
        else connection.execute(_SELECT_OF_TENANT, (since, tenant))
    )
    for values in found:
        record = dict(zip(EXPORTED, values, strict=True))
        yield record | {"at": moment(record["at"]).isoformat(), "stream": bool(record["stream"])}
