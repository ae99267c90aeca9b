"""Running totals, so that neither reports nor budgets ever scan the requests.

Two tables. ``rollup`` has totals since the ledger began, by tenant, route, reason, cache outcome, outcome and error
code. ``quarters`` has those of every quarter of an hour, by who asked (tenant, team, key, user) and what answered
(model, route, cache outcome). Time zones lie that far apart, so that any local day is made of whole quarters.

They change in the same transaction as the rows they count: they are right after a crash, right when several servers
share the database, and there at once after a start. A total in memory would be none of these. Rows are changed in the
order of their keys, so that no two servers wait for each other. Only combinations that occur have a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, Literal, NamedTuple

from router.database import Connection
from router.database.money import EXACT
from router.ledger.rows import micros, money_text
from router.types import LedgerRow

ScopeKind = Literal["server", "team", "key"]
"""Of what it may be asked how much was spent."""

QUARTER_S = 900
"""Length of a quarter, in seconds."""

MAX_KEY_CHARS = 200
"""What a caller or an upstream made up counts under its first characters; PostgreSQL's indexes have a limit."""

_QUARTER_US = QUARTER_S * 1_000_000
_ZERO = Decimal(0)
_COUNTS = ("requests", "prompt_tokens", "completion_tokens", "estimated", "priced", "baselined", "compared")
_MORE_COUNTS = ("errors", "cached_tokens", "cache_written_tokens", "reasoning_tokens", "unpriced")
_TIMES = ("decision_us", "verify_us", "embedded_us")
_AMOUNTS = ("cost_usd", "baseline_cost_usd", "saved_usd")
_MORE_AMOUNTS = ("uncertain_usd",)


class Key(NamedTuple):
    """What requests are counted by. An empty string stands for a field that the row leaves open."""

    tenant: str
    route: str
    reason: str
    cache: str
    outcome: str
    error_code: str


class QuarterKey(NamedTuple):
    """The same for a quarter of an hour. ``quarter`` is its beginning, in seconds since 1970, UTC."""

    quarter: int
    tenant: str
    team: str
    key_id: str
    user_id: str
    model: str
    route: str
    cache: str


@dataclass(slots=True)
class Totals:
    """Sums over some requests. Amounts are exact US dollars; times are microseconds since 1970, UTC.

    ``priced``, ``baselined`` and ``compared`` count the requests whose cost, baseline cost, or both are known, and
    are what the amounts are sums over; ``unpriced`` those that were answered by a model whose price nobody knows.
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
    errors: int = 0
    cached_tokens: int = 0
    cache_written_tokens: int = 0
    reasoning_tokens: int = 0
    uncertain_usd: Decimal = _ZERO
    unpriced: int = 0
    decision_us: int = 0
    verify_us: int = 0
    embedded_us: int = 0

    def count(self, row: LedgerRow, at: int) -> None:
        """Count one request in; ``at`` is its time."""
        self.requests += 1
        self.errors += row.outcome == "error"
        self.prompt_tokens += row.prompt_tokens
        self.completion_tokens += row.completion_tokens
        self.cached_tokens += row.cached_tokens
        self.cache_written_tokens += row.cache_written_tokens
        self.reasoning_tokens += row.reasoning_tokens
        self.estimated += row.tokens_estimated
        self.unpriced += row.cost_usd is None and row.prompt_tokens + row.completion_tokens > 0
        if row.decision_us:
            self.decision_us += round(row.decision_us)
        if row.verify_us:
            self.verify_us += round(row.verify_us)
        if row.embedded_ms:
            self.embedded_us += round(row.embedded_ms * 1000)
        self._count_money(row.cost_usd, row.baseline_cost_usd)
        if row.uncertain_usd:
            self.uncertain_usd = EXACT.add(self.uncertain_usd, row.uncertain_usd)
        self._span(at, at)

    def add(self, other: Totals) -> None:
        """Count the requests of ``other`` in."""
        # Written out, since it is done for every group of every batch.
        self.requests += other.requests
        self.errors += other.errors
        self.prompt_tokens += other.prompt_tokens
        self.completion_tokens += other.completion_tokens
        self.cached_tokens += other.cached_tokens
        self.cache_written_tokens += other.cache_written_tokens
        self.reasoning_tokens += other.reasoning_tokens
        self.estimated += other.estimated
        self.unpriced += other.unpriced
        self.priced += other.priced
        self.baselined += other.baselined
        self.compared += other.compared
        self.decision_us += other.decision_us
        self.verify_us += other.verify_us
        self.embedded_us += other.embedded_us
        self.cost_usd = EXACT.add(self.cost_usd, other.cost_usd)
        self.baseline_cost_usd = EXACT.add(self.baseline_cost_usd, other.baseline_cost_usd)
        self.saved_usd = EXACT.add(self.saved_usd, other.saved_usd)
        self.uncertain_usd = EXACT.add(self.uncertain_usd, other.uncertain_usd)
        if other.first_at is not None and other.last_at is not None:
            self._span(other.first_at, other.last_at)

    def _count_money(self, cost: Decimal | None, baseline: Decimal | None) -> None:
        if cost is not None:
            self.priced += 1
            if cost:
                self.cost_usd = EXACT.add(self.cost_usd, cost)
        if baseline is not None:
            self.baselined += 1
            self.baseline_cost_usd = EXACT.add(self.baseline_cost_usd, baseline)
            if cost is not None:
                self.compared += 1
                self.saved_usd = EXACT.add(self.saved_usd, EXACT.subtract(baseline, cost))

    def _span(self, first: int, last: int) -> None:
        if self.first_at is None or first < self.first_at:
            self.first_at = first
        if self.last_at is None or last > self.last_at:
            self.last_at = last


class _Table:
    """How totals are added to one of the tables: by one statement, whatever was there."""

    def __init__(
        self, name: str, key: Sequence[str], counts: Sequence[str], amounts: Sequence[str], spans: Sequence[str] = ()
    ) -> None:
        columns = (*key, *counts, *amounts, *spans)
        changes = [f"{each} = {name}.{each} + excluded.{each}" for each in counts]
        changes += [f"{each} = exact_add({name}.{each}, excluded.{each})" for each in amounts]
        for each in spans:
            nearer = "<" if each == "first_at" else ">"
            kept = f"CASE WHEN excluded.{each} {nearer} {name}.{each} THEN excluded.{each} ELSE {name}.{each} END"
            changes.append(f"{each} = {kept}")
        # Only names of our own are put into SQL; values are always bound.
        self.add = (
            f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) "  # noqa: S608
            f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {', '.join(changes)}"
        )
        self._counts = attrgetter(*counts)
        self._amounts = attrgetter(*amounts)
        self._spans = attrgetter(*spans) if spans else lambda _: ()

    def values(self, key: tuple[Any, ...], totals: Totals) -> tuple[Any, ...]:
        """What the statement is run with."""
        # A plain zero adds nothing, which is quickly seen.
        amounts = [money_text(amount) if amount else "0" for amount in self._amounts(totals)]
        return (*key, *self._counts(totals), *amounts, *self._spans(totals))


_EVER = (*_COUNTS, *_AMOUNTS, *_MORE_AMOUNTS, "first_at", "last_at")
_ROLLUP = _Table("rollup", Key._fields, _COUNTS, (*_AMOUNTS, *_MORE_AMOUNTS), ("first_at", "last_at"))
_QUARTER_COUNTS = (*_COUNTS, *_MORE_COUNTS, *_TIMES)
_QUARTER_AMOUNTS = (*_AMOUNTS, *_MORE_AMOUNTS)
_QUARTERS = _Table("quarters", QuarterKey._fields, _QUARTER_COUNTS, _QUARTER_AMOUNTS)
_SELECT = f"SELECT {', '.join((*Key._fields, *_EVER))} FROM rollup"  # noqa: S608
_SPENT = {
    "server": "SELECT exact_sum(cost_usd) FROM quarters WHERE quarter >= ?",
    "team": "SELECT exact_sum(cost_usd) FROM quarters WHERE quarter >= ? AND team = ?",
    "key": "SELECT exact_sum(cost_usd) FROM quarters WHERE quarter >= ? AND key_id = ?",
}


def quarter_of(moment: datetime) -> int:
    """The beginning of the quarter of an hour that an aware time lies in, in seconds since 1970, UTC."""
    return micros(moment) // _QUARTER_US * QUARTER_S


def count_in(connection: Connection, rows: Iterable[tuple[LedgerRow, int]]) -> None:
    """Add newly inserted rows, each with its time in microseconds, to the totals, inside the caller's transaction."""
    counted: dict[tuple[Any, ...], Totals] = {}
    for row, at in rows:
        group = _group(row, at)
        if (totals := counted.get(group)) is None:
            totals = counted[group] = Totals()
        totals.count(row, at)
    ever: dict[tuple[Any, ...], Totals] = {}
    quarters: dict[tuple[Any, ...], Totals] = {}
    for group, totals in counted.items():
        quarter, tenant, team, key_id, user_id, model, route, cache, reason, outcome, error_code = group
        _gather(ever, Key(tenant, route, reason, cache, outcome, error_code), totals)
        _gather(quarters, QuarterKey(quarter, tenant, team, key_id, user_id, model, route, cache), totals)
    connection.executemany(_ROLLUP.add, [_ROLLUP.values(key, ever[key]) for key in sorted(ever)])
    connection.executemany(_QUARTERS.add, [_QUARTERS.values(key, quarters[key]) for key in sorted(quarters)])


def load(connection: Connection, tenant: str | None) -> list[tuple[Key, Totals]]:
    """The stored totals since the ledger began, of one tenant or (None) of all."""
    if tenant is None:
        found = connection.execute(_SELECT)
    else:
        found = connection.execute(f"{_SELECT} WHERE tenant = ?", (tenant,))
    width = len(Key._fields)
    return [(Key(*values[:width]), _decode(values[width:])) for values in found]


SUMS = (*(f"sum({each})" for each in _QUARTER_COUNTS), *(f"exact_sum({each})" for each in _QUARTER_AMOUNTS))
"""What to select of ``quarters`` for ``totals_of_sums``."""


def totals_of_sums(values: Sequence[Any]) -> Totals:
    """The totals of some quarters, from what ``SUMS`` selected of them: nothing where there were none."""
    width = len(_QUARTER_COUNTS)
    found: dict[str, Any] = {name: int(value or 0) for name, value in zip(_QUARTER_COUNTS, values[:width], strict=True)}
    found |= {name: Decimal(value or 0) for name, value in zip(_QUARTER_AMOUNTS, values[width:], strict=True)}
    return Totals(**found)


def spent(connection: Connection, kind: ScopeKind, id: str, since: datetime) -> Decimal:
    """What the requests of one scope have cost, as far as it is known, from the quarter on in which ``since`` lies."""
    values = (quarter_of(since),) if kind == "server" else (quarter_of(since), id)
    found = connection.execute(_SPENT[kind], values).fetchone()
    return Decimal(found[0] or 0)


def counts_for(row: LedgerRow, kind: ScopeKind, id: str, since: datetime) -> bool:
    """Whether ``spent`` counts a row, once it is written."""
    of = {"server": id, "team": row.team, "key": row.key_id}[kind]
    return of == id and quarter_of(row.at) >= quarter_of(since)


def _group(row: LedgerRow, at: int) -> tuple[Any, ...]:
    """All that tells two rows apart in either table."""
    return (
        at // _QUARTER_US * QUARTER_S,
        row.tenant,
        row.team or "",
        row.key_id or "",
        row.user_id or "",
        (row.model or "")[:MAX_KEY_CHARS],
        row.route or "",
        row.cache or "",
        (row.reason or "")[:MAX_KEY_CHARS],
        row.outcome,
        (row.error_code or "")[:MAX_KEY_CHARS],
    )


def _gather(into: dict[tuple[Any, ...], Totals], key: tuple[Any, ...], totals: Totals) -> None:
    if (there := into.get(key)) is None:
        into[key] = there = Totals()
    there.add(totals)


def _decode(values: tuple[int | str, ...]) -> Totals:
    # The amounts are the only text.
    found: dict[str, Any] = {
        name: Decimal(value) if isinstance(value, str) else value for name, value in zip(_EVER, values, strict=True)
    }
    return Totals(**found)
