"""The ledger as a stream of plain records, for tools that know nothing of its file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from router.database import Database
from router.ledger.reading import reading
from router.ledger.rows import COLUMNS, micros, moment

_KEPT_BACK = frozenset({"key_id", "cache_key", "cache_entry"})
"""The name of the key, and digests of requests, by which a guess could be checked."""

EXPORTED = (*(name for name in COLUMNS if name not in _KEPT_BACK), "feedback")
"""The fields of an exported request: what the ledger keeps but for ``_KEPT_BACK``, and the caller's rating."""

_TRUTHS = ("stream", "tokens_estimated")  # 0 or 1 in the file
_FROM = "FROM requests LEFT JOIN feedback USING (request_id)"
_NAMES = ", ".join("rating" if name == "feedback" else f"requests.{name}" for name in EXPORTED)
# Only names of our own are put into SQL; values are always bound.
_SELECT = f"SELECT {_NAMES} {_FROM} WHERE requests.at >= ? ORDER BY seq"
_SELECT_OF_TENANT = f"SELECT {_NAMES} {_FROM} WHERE requests.at >= ? AND tenant = ? ORDER BY seq"


def read_export(
    database: Database, *, since: datetime | None = None, tenant: str | None = None
) -> Iterator[dict[str, Any]]:
    """Requests from ``since`` on, oldest first, with the fields of ``EXPORTED``: one at a time, from one snapshot.

    The file is only read, so that a server, also one of an earlier version, goes on with it.

    Args:
        database: the ledger.
        since: aware; None for the beginning.
        tenant: whose requests; None for all.

    Raises:
        LedgerError: there is no such ledger, its schema is not the newest, or it cannot be read.
    """
    first = 0 if since is None else micros(since)
    with reading(database) as connection:
        found = (
            connection.stream(_SELECT, (first,))
            if tenant is None
            else connection.stream(_SELECT_OF_TENANT, (first, tenant))
        )
        for values in found:
            record = dict(zip(EXPORTED, values, strict=True))
            truths = {name: bool(record[name]) for name in _TRUTHS}
            yield record | truths | {"at": moment(record["at"]).isoformat()}
