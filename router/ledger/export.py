"""The ledger as a stream of plain records, for tools that know nothing of its file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from router.database import Database
from router.ledger.prompts import Sealed, opened
from router.ledger.reading import reading
from router.ledger.rows import COLUMNS, micros, moment

_KEPT_BACK = frozenset({"key_id", "cache_key", "cache_entry"})
"""The name of the key, and digests of requests, by which a guess could be checked."""

EXPORTED = (*(name for name in COLUMNS if name not in _KEPT_BACK), "feedback")
"""The fields of an exported request: what the ledger keeps but for ``_KEPT_BACK``, and the caller's rating."""

PROMPT_FIELDS = ("messages", "answer")
"""What is added to them where prompts are wanted."""

_TRUTHS = ("stream", "tokens_estimated")  # 0 or 1 in the file
_FROM = "FROM requests LEFT JOIN feedback USING (request_id)"
_NAMES = ", ".join("rating" if name == "feedback" else f"requests.{name}" for name in EXPORTED)
# Only names of our own are put into SQL; values are always bound.
_WHERE = "WHERE requests.at >= ? AND (CAST(? AS TEXT) IS NULL OR tenant = ?) ORDER BY seq"
_SELECT = f"SELECT {_NAMES} {_FROM} {_WHERE}"
_SELECT_WITH_PROMPTS = f"SELECT {_NAMES}, sealed_by, body {_FROM} LEFT JOIN prompts USING (request_id) {_WHERE}"


def read_export(
    database: Database,
    *,
    since: datetime | None = None,
    tenant: str | None = None,
    prompt_keys: Sequence[bytes] | None = None,
) -> Iterator[dict[str, Any]]:
    """Requests from ``since`` on, oldest first, with the fields of ``EXPORTED``: one at a time, from one snapshot.

    The database is only read, so that a server, also one of an earlier version, goes on with it.

    Args:
        database: the ledger.
        since: aware; None for the beginning.
        tenant: whose requests; None for all.
        prompt_keys: by which prompts are read; ``messages`` and ``answer`` are exported as well then, None where
            nothing was kept. No prompts where None.

    Raises:
        LedgerError: there is no such ledger, its schema is not the newest, it cannot be read, or a prompt was sealed by
            a key that is not among them.
    """
    first = 0 if since is None else micros(since)
    select = _SELECT if prompt_keys is None else _SELECT_WITH_PROMPTS
    with reading(database) as connection:
        for values in connection.stream(select, (first, tenant, tenant)):
            record = dict(zip(EXPORTED, values[: len(EXPORTED)], strict=True))
            truths = {name: bool(record[name]) for name in _TRUTHS}
            record |= truths | {"at": moment(record["at"]).isoformat()}
            if prompt_keys is not None:
                sealed_by, body = values[len(EXPORTED) :]
                record |= _said(record["request_id"], sealed_by, body, prompt_keys)
            yield record


def _said(request_id: str, sealed_by: str | None, body: bytes | None, keys: Sequence[bytes]) -> dict[str, Any]:
    if sealed_by is None or body is None:
        return dict.fromkeys(PROMPT_FIELDS)
    return opened(request_id, Sealed(sealed_by, bytes(body)), keys)
