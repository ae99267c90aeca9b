"""``LedgerRow`` to and from the ``requests`` table: one column per field, in the order of the fields."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from router.types import LedgerRow

COLUMNS = LedgerRow.__struct_fields__
"""Names of the columns, which are those of the fields."""

MAX_TOKENS = 2**40
"""Largest token count accepted. An upstream that reports more is talking nonsense, and would overflow the totals."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_AT = COLUMNS.index("at")
_COST = COLUMNS.index("cost_usd")
_BASELINE = COLUMNS.index("baseline_cost_usd")
# Only column names of our own are put into SQL; values are always bound.
_INSERT = (
    f"INSERT INTO requests ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))}) "  # noqa: S608
    "ON CONFLICT (request_id) DO NOTHING"
)
_NEWEST = f"SELECT {', '.join(COLUMNS)} FROM requests ORDER BY seq DESC LIMIT ?"  # noqa: S608
_NEWEST_OF_TENANT = f"SELECT {', '.join(COLUMNS)} FROM requests WHERE tenant = ? ORDER BY seq DESC LIMIT ?"  # noqa: S608


def insert(connection: sqlite3.Connection, row: LedgerRow) -> bool:
    """Insert one row inside the caller's transaction.

    Returns:
        False where the ledger already has a row of this ``request_id``; that one stays as it is.

    Raises:
        ValueError, TypeError, OverflowError, sqlite3.Error: this row cannot be stored (a naive time, a NaN cost, a
            lone surrogate).
    """
    return connection.execute(_INSERT, _encode(row)).rowcount == 1


def newest(connection: sqlite3.Connection, *, limit: int, tenant: str | None) -> list[LedgerRow]:
    """The last ``limit`` rows written, newest first, of one tenant or (None) of all."""
    if tenant is None:
        found = connection.execute(_NEWEST, (limit,))
    else:
        found = connection.execute(_NEWEST_OF_TENANT, (tenant, limit))
    return [_decode(values) for values in found]


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


def _encode(row: LedgerRow) -> list[Any]:
    if not (0 <= row.prompt_tokens <= MAX_TOKENS and 0 <= row.completion_tokens <= MAX_TOKENS):
        raise ValueError(f"token counts must lie in 0..{MAX_TOKENS}")
    values = list(msgspec.structs.astuple(row))
    values[_AT] = micros(row.at)
    values[_COST] = None if row.cost_usd is None else money_text(row.cost_usd)
    values[_BASELINE] = None if row.baseline_cost_usd is None else money_text(row.baseline_cost_usd)
    return values


def _decode(values: tuple[Any, ...]) -> LedgerRow:
    fields = dict(zip(COLUMNS, values, strict=True))
    fields["at"] = moment(fields["at"])
    return msgspec.convert(fields, LedgerRow, strict=False)
