"""Running totals per tenant, route, reason, cache outcome, outcome and error code: reports never scan the requests.

The totals live in a table and change in the same transaction as the rows they count: they are right after a crash,
right when two processes share the file, and there at once after a start. A total in memory would be none of these.
Only combinations that occur have a row, a few dozen per tenant, however many requests there are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from decimal import Context, Decimal
from typing import NamedTuple

from router.ledger.rows import micros, money_text
from router.types import LedgerRow

_ZERO = Decimal(0)
# Wide enough that no sum of real amounts is rounded: 10^39 dollars with 24 decimals.
_EXACT = Context(prec=64)

_KEY = "tenant = ? AND route = ? AND reason = ? AND cache = ? AND outcome = ? AND error_code = ?"
_TOTALS = (
    "requests, prompt_tokens, completion_tokens, estimated, priced, baselined, compared, "
    "cost_usd, baseline_cost_usd, saved_usd, first_at, last_at"
)
# Only the constants above are put into SQL; values are always bound.
_SELECT_ONE = f"SELECT {_TOTALS} FROM rollup WHERE {_KEY}"  # noqa: S608
_SELECT = f"SELECT tenant, route, reason, cache, outcome, error_code, {_TOTALS} FROM rollup"  # noqa: S608
_REPLACE = (
    f"REPLACE INTO rollup (tenant, route, reason, cache, outcome, error_code, {_TOTALS}) VALUES ({', '.join('?' * 18)})"  # noqa: S608
)


class Key(NamedTuple):
    """What requests are counted by. An empty string stands for a field that the row leaves open."""

    tenant: str
    route: str
    reason: str
    cache: str
    outcome: str
    error_code: str

    @classmethod
    def of(cls, row: LedgerRow) -> Key:
        """The key that ``row`` counts under."""
        return cls(row.tenant, row.route or "", row.reason or "", row.cache or "", row.outcome, row.error_code or "")


@dataclass(slots=True)
class Totals:
    """Sums over some requests. Amounts are exact US dollars; times are microseconds since 1970, UTC.

    ``priced``, ``baselined`` and ``compared`` count the requests whose cost, baseline cost, or both are known, and
    are what the three amounts are sums over.
    """

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: int = 0
    priced: int = 0
    baselined: int = 0
    compared: int = 0
    cost_usd: Decimal = _ZERO
    baseline_cost_usd: Decimal = _ZERO
    saved_usd: Decimal = _ZERO
    first_at: int | None = None
    last_at: int | None = None

    @classmethod
    def of(cls, row: LedgerRow) -> Totals:
        """The totals of one row."""
        cost, baseline = row.cost_usd, row.baseline_cost_usd
        saved = None if cost is None or baseline is None else _EXACT.subtract(baseline, cost)
        at = micros(row.at)
        return cls(
            requests=1,
            prompt_tokens=row.prompt_tokens,
            completion_tokens=row.completion_tokens,
            estimated=int(row.tokens_estimated),
            priced=int(cost is not None),
            baselined=int(baseline is not None),
            compared=int(saved is not None),
            cost_usd=cost or _ZERO,
            baseline_cost_usd=baseline or _ZERO,
            saved_usd=saved or _ZERO,
            first_at=at,
            last_at=at,
        )

    def add(self, other: Totals) -> None:
        """Count the requests of ``other`` in."""
        self.requests += other.requests
        self.prompt_tokens += other.prompt_tokens
        self.completion_tokens += other.completion_tokens
        self.estimated += other.estimated
        self.priced += other.priced
        self.baselined += other.baselined
        self.compared += other.compared
        self.cost_usd = _EXACT.add(self.cost_usd, other.cost_usd)
        self.baseline_cost_usd = _EXACT.add(self.baseline_cost_usd, other.baseline_cost_usd)
        self.saved_usd = _EXACT.add(self.saved_usd, other.saved_usd)
        self.first_at = min((at for at in (self.first_at, other.first_at) if at is not None), default=None)
        self.last_at = max((at for at in (self.last_at, other.last_at) if at is not None), default=None)


def count_in(connection: sqlite3.Connection, rows: Iterable[LedgerRow]) -> None:
    """Add newly inserted ``rows`` to the stored totals, inside the caller's transaction."""
    batch: dict[Key, Totals] = {}
    for row in rows:
        batch.setdefault(Key.of(row), Totals()).add(Totals.of(row))
    for key, totals in batch.items():
        stored = connection.execute(_SELECT_ONE, key).fetchone()
        if stored is not None:
            totals.add(_decode(stored))
        connection.execute(_REPLACE, (*key, *_encode(totals)))


def load(connection: sqlite3.Connection, tenant: str | None) -> list[tuple[Key, Totals]]:
    """The stored totals of one tenant or (None) of all."""
    if tenant is None:
        found = connection.execute(_SELECT)
    else:
        found = connection.execute(f"{_SELECT} WHERE tenant = ?", (tenant,))
    width = len(Key._fields)
    return [(Key(*values[:width]), _decode(values[width:])) for values in found]


def _encode(totals: Totals) -> list[int | str | None]:
    return [money_text(value) if isinstance(value, Decimal) else value for value in astuple(totals)]


def _decode(values: tuple[int | str, ...]) -> Totals:
    # STRICT columns: the amounts are the only text.
    return Totals(*(Decimal(value) if isinstance(value, str) else value for value in values))  # type: ignore[arg-type]
