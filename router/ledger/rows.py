"""``LedgerRow`` to and from the ``requests`` table: one column per field, in the order of the fields."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec

from router.database import Connection
from router.types import LedgerRow

COLUMNS = LedgerRow.__struct_fields__
"""Names of the columns, which are those of the fields."""

AT = COLUMNS.index("at")
"""Where the time is among them."""

MAX_TOKENS = 2**40
"""Largest token count accepted. An upstream that reports more is talking nonsense, and would overflow the totals."""

_IDS_AT_ONCE = 500

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MONEY = tuple(COLUMNS.index(name) for name in ("cost_usd", "baseline_cost_usd", "uncertain_usd"))
_TRUTHS = tuple(COLUMNS.index(name) for name in ("stream", "tokens_estimated"))
_TOKENS = (
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "cache_written_tokens",
    "reasoning_tokens",
)
_tokens = attrgetter(*_TOKENS)
# Only column names of our own are put into SQL; values are always bound.
INSERT = (
    f"INSERT INTO requests ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))}) "  # noqa: S608
    "ON CONFLICT (request_id) DO NOTHING"
)
"""Leaves a row of the same ``request_id`` as it is."""
_NEWEST = f"SELECT {', '.join(COLUMNS)} FROM requests ORDER BY seq DESC LIMIT ?"  # noqa: S608
_NEWEST_OF_TENANT = f"SELECT {', '.join(COLUMNS)} FROM requests WHERE tenant = ? ORDER BY seq DESC LIMIT ?"  # noqa: S608


def newest(connection: Connection, *, limit: int, tenant: str | None) -> list[LedgerRow]:
    """The last ``limit`` rows written, newest first, of one tenant or (None) of all."""
    if tenant is None:
        found = connection.execute(_NEWEST, (limit,))
    else:
        found = connection.execute(_NEWEST_OF_TENANT, (tenant, limit))
    return [decode(values) for values in found]


def known(connection: Connection, request_ids: Sequence[str]) -> set[str]:
    """Those of the requests that have a row."""
    found: set[str] = set()
    for first in range(0, len(request_ids), _IDS_AT_ONCE):
        some = request_ids[first : first + _IDS_AT_ONCE]
        # Only marks for values are put into SQL.
        select = f"SELECT request_id FROM requests WHERE request_id IN ({', '.join('?' * len(some))})"  # noqa: S608
        found.update(request_id for (request_id,) in connection.execute(select, some))
    return found


def micros(moment: datetime) -> int:
    """Microseconds since 1970 of an aware time, exactly.

    Raises:
        TypeError: the time is naive.
    """
    return (moment - _EPOCH) // _MICROSECOND


def moment(micros: int) -> datetime:
    """The aware UTC time of ``micros``."""
    return _EPOCH + micros * _MICROSECOND


def money_text(amount: Decimal) -> str:
    """An amount as plain decimal digits, exactly.

    Raises:
        ValueError: the amount is NaN or infinite.
    """
    if not amount.is_finite():
        raise ValueError(f"{amount} is no amount of money")
    return format(amount, "f")


def encode(row: LedgerRow) -> list[Any]:
    """The values of ``INSERT``, as any engine takes them.

    Raises:
        ValueError, TypeError: this row cannot be stored (a naive time, a NaN cost, a lone surrogate).
    """
    tokens = _tokens(row)
    if min(tokens) < 0 or max(tokens) > MAX_TOKENS:
        raise ValueError(f"token counts must lie in 0..{MAX_TOKENS}")
    values = list(msgspec.structs.astuple(row))
    values[AT] = micros(row.at)
    for index in _MONEY:
        if values[index] is not None:
            values[index] = money_text(values[index])
    for index in _TRUTHS:
        values[index] = int(values[index])
    return values


def decode(values: Sequence[Any]) -> LedgerRow:
    """The row of the values of ``COLUMNS``, as engines give them."""
    fields = dict(zip(COLUMNS, values, strict=True))
    fields["at"] = moment(fields["at"])
    return msgspec.convert(fields, LedgerRow, strict=False)
