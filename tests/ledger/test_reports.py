"""Statistics over real ledgers."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal, localcontext
from pathlib import Path

import msgspec
import pytest

from router.ledger import Ledger, Percentiles, Stats
from router.ledger.baseline import lengths_of
from router.ledger.reports import SAMPLE, percentiles, read_stats
from router.types import LedgerRow
from tests.ledger.support import MORNING, a_row


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    ledger = Ledger.open(tmp_path / "ledger.sqlite3")
    yield ledger
    await ledger.aclose()


async def record_all(ledger: Ledger, rows: list[LedgerRow]) -> None:
    await asyncio.gather(*(ledger.record(row) for row in rows))


async def test_an_empty_ledger_has_zeros_and_no_dates(ledger: Ledger) -> None:
    stats = await ledger.stats()
    assert (stats.requests, stats.cost_usd, stats.saved_usd, stats.by_route) == (0, 0.0, 0.0, {})
    assert (stats.since, stats.last_at, stats.latency_ms) == (None, None, Percentiles())


async def test_requests_are_counted_by_route_reason_cache_outcome_and_error(ledger: Ledger) -> None:
    refused = LedgerRow(
        request_id="4", at=MORNING, tenant="acme", status=400, outcome="error", error_code="invalid_json"
    )
    await record_all(
        ledger,
        [
            a_row("1"),
            a_row("2", route="strong", reason="pinned", cache="bypass"),
            a_row("3", cache="exact", tokens_estimated=True),
            refused,
            a_row("5", status=499, outcome="cancelled"),
        ],
    )
    stats = await ledger.stats()
    assert stats.requests == 5
    assert stats.by_outcome == {"ok": 3, "error": 1, "cancelled": 1}
    assert stats.by_route == {"weak": 3, "strong": 1}
    assert stats.by_reason == {"win-rate": 3, "pinned": 1}
    assert stats.by_cache == {"miss": 2, "bypass": 1, "exact": 1}
    assert stats.by_error == {"invalid_json": 1}
    assert (stats.prompt_tokens, stats.completion_tokens, stats.estimated_requests) == (4 * 12, 4 * 34, 1)


async def test_statistics_of_a_tenant_leave_the_others_out(ledger: Ledger) -> None:
    await record_all(ledger, [a_row("1"), a_row("2", tenant="zenith", latency_ms=900.0), a_row("3")])
    zenith = await ledger.stats("zenith")
    assert (zenith.tenant, zenith.requests, zenith.latency_ms.p50) == ("zenith", 1, 900.0)
    assert (await ledger.stats("nobody")).requests == 0
    assert (await ledger.stats()).requests == 3


async def test_since_and_last_are_the_times_of_the_first_and_last_request(ledger: Ledger) -> None:
    hour = timedelta(hours=1)
    await record_all(ledger, [a_row("2", at=MORNING), a_row("1", at=MORNING - hour), a_row("3", at=MORNING + hour)])
    stats = await ledger.stats()
    assert (stats.since, stats.last_at) == (MORNING - hour, MORNING + hour)


async def test_ten_thousand_micro_costs_add_up_exactly(ledger: Ledger) -> None:
    chance = random.Random(7)
    costs = [Decimal(chance.randrange(1, 10**12)).scaleb(-chance.randrange(6, 24)) for _ in range(10_000)]
    await record_all(
        ledger, [a_row(f"req-{n}", cost_usd=cost, baseline_cost_usd=cost * 3) for n, cost in enumerate(costs)]
    )
    with localcontext(prec=60):
        exact = sum(costs, Decimal(0))
    with contextlib.closing(sqlite3.connect(ledger.database.name)) as connection:
        stored = connection.execute("SELECT cost_usd, baseline_cost_usd, saved_usd FROM rollup").fetchall()
    with localcontext(prec=60):
        assert [tuple(map(Decimal, amounts)) for amounts in stored] == [(exact, exact * 3, exact * 2)]
    assert (await ledger.stats()).cost_usd == float(round(exact, 9))


async def test_a_tenth_of_a_cent_ten_times_is_a_cent_and_not_nearly_one(ledger: Ledger) -> None:
    await record_all(ledger, [a_row(str(n), cost_usd=Decimal("0.001")) for n in range(10)])
    assert b'"cost_usd":0.01,' in msgspec.json.encode(await ledger.stats())


async def test_an_unknown_cost_is_never_reported_as_zero(ledger: Ledger) -> None:
    await record_all(ledger, [a_row("1", cost_usd=None), a_row("2", cost_usd=None)])
    stats = await ledger.stats()
    assert (stats.cost_usd, stats.saved_usd, stats.baseline_cost_usd) == (None, None, 0.00074)
    assert (stats.priced_requests, stats.compared_requests, stats.baselined_requests) == (0, 0, 2)


async def test_savings_compare_only_requests_whose_two_costs_are_known(ledger: Ledger) -> None:
    await record_all(
        ledger,
        [
            a_row("1", cost_usd=Decimal("0.01"), baseline_cost_usd=Decimal("0.03")),
            a_row("2", cost_usd=Decimal(5), baseline_cost_usd=None),
            a_row("3", cost_usd=None, baseline_cost_usd=Decimal(7)),
            a_row("4", cost_usd=Decimal("0.03"), baseline_cost_usd=Decimal("0.02")),
        ],
    )
    stats = await ledger.stats()
    assert (stats.cost_usd, stats.baseline_cost_usd, stats.saved_usd) == (5.04, 7.05, 0.01)
    assert (stats.priced_requests, stats.baselined_requests, stats.compared_requests) == (3, 3, 2)


async def test_totals_agree_with_a_count_over_the_rows(ledger: Ledger) -> None:
    chance = random.Random(3)
    rows = [
        a_row(
            f"req-{number}",
            tenant=chance.choice(["a", "b"]),
            route=chance.choice(["weak", "strong", None]),
            cache=chance.choice(["exact", "miss", None]),
            completion_tokens=chance.randrange(1000),
            at=MORNING + timedelta(seconds=chance.randrange(10_000)),
        )
        for number in range(400)
    ]
    for start in range(0, len(rows), 50):
        await record_all(ledger, rows[start : start + 50])
    with contextlib.closing(sqlite3.connect(ledger.database.name)) as connection:
        query = "SELECT count(*), sum(completion_tokens), sum(route = 'weak'), sum(cache = 'exact') FROM requests"
        for tenant in ("a", "b"):
            counted = connection.execute(f"{query} WHERE tenant = ?", (tenant,)).fetchone()
            stats = await ledger.stats(tenant)
            reported = (stats.requests, stats.completion_tokens, stats.by_route["weak"], stats.by_cache["exact"])
            assert reported == counted


async def test_percentiles_are_of_the_newest_requests(ledger: Ledger) -> None:
    for number in range(3):
        await ledger.record(a_row(f"old-{number}", latency_ms=1e6))
    for number in range(SAMPLE):
        await ledger.record(a_row(f"new-{number}", latency_ms=float(number + 1), decision_us=None))
    stats = await ledger.stats()
    assert stats.sampled_requests == SAMPLE
    assert stats.latency_ms == Percentiles(500.0, 950.0, 990.0)
    assert stats.decision_us == Percentiles()


@pytest.mark.parametrize(
    ("values", "expected"),
    [([7.0], (7, 7, 7)), ([2.0, 1.0], (1, 2, 2)), (list(range(1, 101)), (50, 95, 99))],
)
def test_percentiles_are_values_that_were_seen(values: list[float], expected: tuple[float, float, float]) -> None:
    assert percentiles(values) == Percentiles(*expected)


async def test_reports_read_indexes_and_never_scan_the_requests(ledger: Ledger) -> None:
    await ledger.record(a_row())
    statements: list[str] = []
    with contextlib.closing(sqlite3.connect(ledger.database.name)) as connection:
        connection.set_trace_callback(statements.append)
        read_stats(connection, None)
        read_stats(connection, "acme")
        connection.set_trace_callback(None)
        plans = {sql: str(connection.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()) for sql in statements}
    assert len(plans) == 4
    for sql, plan in plans.items():
        assert "SEARCH" in plan or "LIMIT" in sql or "FROM rollup" in sql, plan
        assert "TEMP B-TREE" not in plan, f"{sql} sorts what it reads: {plan}"


async def test_statistics_serialise_to_json_and_back(ledger: Ledger) -> None:
    await ledger.record(a_row())
    stats = await ledger.stats()
    assert msgspec.json.decode(msgspec.json.encode(stats), type=Stats) == stats


async def test_savings_come_with_the_interval_of_the_strong_models_own_lengths(ledger: Ledger) -> None:
    paid = {"cost_usd": Decimal("0.01"), "baseline_cost_usd": Decimal("0.03")}
    await record_all(ledger, [a_row("1", **paid, uncertain_usd=Decimal("0.02")), a_row("2", **paid)])
    stats = await ledger.stats()
    assert (stats.saved_low_usd, stats.saved_usd, stats.saved_high_usd) == (0.0324, 0.04, 0.0758)
    own = await ledger.stats(lengths=lengths_of((0.5, 1.5)))
    assert (own.saved_low_usd, own.saved_usd, own.saved_high_usd) == (0.03, 0.04, 0.05)
