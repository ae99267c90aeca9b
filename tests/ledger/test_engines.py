"""The ledger is the same on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

import msgspec
import pytest

from router.database import Database, migrate
from router.errors import LedgerError
from router.ledger import Ledger
from router.ledger.export import read_export
from router.ledger.migrations import COMPONENT, MIGRATIONS
from router.ledger.rows import COLUMNS, INSERT, encode
from router.types import LedgerRow
from tests.ledger.conftest import Opened
from tests.ledger.support import MORNING, a_row

HOSTILE = "'); DROP TABLE requests; --\" ? %s %(x)s $1 \\ ü 𝄞 \r\n{}"


async def record_all(ledger: Ledger, rows: list[LedgerRow]) -> None:
    await asyncio.gather(*(ledger.record(row) for row in rows))


def quarters(database: Database) -> list[Any]:
    with database.reading() as connection:
        return connection.execute("SELECT * FROM quarters ORDER BY 1, 2, 3, 4, 5, 6, 7, 8").fetchall()


def some_rows(n: int, seed: int = 1) -> list[LedgerRow]:
    """Rows of several hours, tenants, teams and keys, with costs of many digits."""
    chance = random.Random(seed)
    costs = [None, Decimal(0), *(Decimal(chance.randrange(1, 10**9)).scaleb(-18) for _ in range(20))]
    return [
        a_row(
            f"req-{seed}-{number}",
            at=MORNING + timedelta(seconds=chance.randrange(7000)),
            tenant=chance.choice(["a", "b"]),
            team=chance.choice([None, "red", "blue"]),
            key_id=chance.choice(["k1", "k2"]),
            user_id=chance.choice([None, "ada"]),
            model=chance.choice([None, "m1", "m2"]),
            outcome=chance.choice(["ok", "error"]),
            cost_usd=chance.choice(costs),
            baseline_cost_usd=chance.choice(costs),
            uncertain_usd=chance.choice(costs),
        )
        for number in range(n)
    ]


def exact_sum(amounts: Any) -> Decimal:
    with localcontext(prec=60):
        return sum((amount for amount in amounts if amount is not None), Decimal(0))


async def test_every_text_may_hold_what_looks_like_sql(database: Database) -> None:
    ledger = Ledger.on(database)
    texts = {field.name: f"{field.name} {HOSTILE}" for field in msgspec.structs.fields(LedgerRow) if field.name != "at"}
    kinds = {"route": "weak", "cache": "miss", "outcome": "ok"}
    plain = msgspec.structs.asdict(a_row())
    row = LedgerRow(**{name: texts[name] if isinstance(value, str) else value for name, value in plain.items()} | kinds)
    row = msgspec.structs.replace(
        row, **{name: texts[name] for name in ("key_id", "team", "user_id", "rule", "provider")}
    )
    await ledger.record(row)
    await ledger.record(a_row("after"))
    assert await ledger.recent() == [a_row("after"), row]
    assert (await ledger.stats(row.tenant)).requests == 1
    assert await ledger.spent("key", row.key_id or "", MORNING) == row.cost_usd
    assert await ledger.rate(row.request_id, "good", tenant=row.tenant) is not None
    (exported,) = read_export(database, tenant=row.tenant)
    assert (exported["requested_model"], exported["feedback"]) == (row.requested_model, "good")
    await ledger.aclose()


async def test_a_request_counts_once_however_often_and_by_whom_it_is_recorded(opened: Opened) -> None:
    ledgers = [Ledger.on(opened()) for _ in range(3)]
    rows = some_rows(150)
    await asyncio.gather(*(record_all(ledger, [*rows, *rows[:20]]) for ledger in ledgers))
    stats = await ledgers[0].stats()
    assert stats.requests == len(rows)
    assert len(await ledgers[1].recent(1000)) == len(rows)
    assert sum(row[8] for row in quarters(opened())) == len(rows)
    for ledger in ledgers:
        await ledger.aclose()


async def test_quarters_of_an_hour_add_up_to_what_was_spent_exactly(opened: Opened) -> None:
    rows = [row for seed in (1, 2, 3) for row in some_rows(300, seed)]
    ledgers = [Ledger.on(opened()) for _ in range(2)]
    await asyncio.gather(*(record_all(ledger, rows[index::2]) for index, ledger in enumerate(ledgers)))
    ledger = ledgers[0]
    for since in (MORNING - timedelta(days=1), datetime(2026, 11, 22, 9, 15, tzinfo=UTC)):
        late = [row for row in rows if row.at >= since]
        assert await ledger.spent("server", "", since) == exact_sum(row.cost_usd for row in late)
        assert await ledger.spent("team", "red", since) == exact_sum(row.cost_usd for row in late if row.team == "red")
        assert await ledger.spent("key", "k2", since) == exact_sum(row.cost_usd for row in late if row.key_id == "k2")
    assert await ledger.spent("key", "nobody", MORNING) == 0
    for each in ledgers:
        await each.aclose()


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
async def test_a_ledger_of_any_older_schema_gets_its_quarters(version: int, opened: Opened) -> None:
    rows = [msgspec.structs.replace(row, uncertain_usd=None) for row in some_rows(60)]
    old = opened()
    migrate(old, COMPONENT, MIGRATIONS[:version])
    with old.writing() as connection:
        there = connection.execute("SELECT * FROM requests LIMIT 0")
        columns = [column[0] for column in there.description if column[0] != "seq"]  # type: ignore[attr-defined]
        kept = [COLUMNS.index(name) for name in columns]
        sql = f"INSERT INTO requests ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
        connection.executemany(sql, [[encode(row)[index] for index in kept] for row in rows])
    await Ledger.on(old).aclose()

    fresh = opened()
    migrated = quarters(fresh)
    with fresh.writing() as connection:
        connection.execute("DELETE FROM quarters")
        connection.execute("DELETE FROM requests")
    ledger = Ledger.on(opened())
    dropped = {} if version >= 5 else {"team": None, "user_id": None}
    await record_all(ledger, [msgspec.structs.replace(row, **dropped) for row in rows])
    recorded = quarters(fresh)
    await ledger.aclose()
    amounts = [(*row[:19], *map(Decimal, row[19:])) for row in recorded]
    assert [(*row[:19], *map(Decimal, row[19:])) for row in migrated] == amounts


async def test_a_row_that_cannot_be_stored_fails_alone(database: Database) -> None:
    ledger = Ledger.on(database)
    rows = [a_row("1"), a_row("2", model="lone \ud800"), a_row("3", status=2**70), a_row("4"), a_row("4")]
    results = await asyncio.gather(*(ledger.record(row) for row in rows), return_exceptions=True)
    assert [type(result) for result in results] == [type(None), LedgerError, LedgerError, type(None), type(None)]
    assert {row.request_id for row in await ledger.recent()} == {"1", "4"}
    await ledger.aclose()


async def test_an_upstreams_endless_error_code_still_counts(database: Database) -> None:
    ledger = Ledger.on(database)
    chance = random.Random(4)
    endless = "".join(chr(chance.randrange(0x4E00, 0x9000)) for _ in range(20_000))
    await ledger.record(a_row("1", error_code=endless, reason=endless, model=endless))
    assert (await ledger.stats()).by_error == {endless[:200]: 1}
    await ledger.aclose()


async def test_an_infinite_verdict_comes_back(database: Database) -> None:
    ledger = Ledger.on(database)
    await ledger.record(a_row("1", cache_verdict=float("inf")))
    assert (await ledger.recent())[0].cache_verdict == float("inf")
    await ledger.aclose()


def test_rows_are_inserted_by_the_names_of_their_fields() -> None:
    assert INSERT.count("?") == len(COLUMNS)
