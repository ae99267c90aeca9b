"""Sums of usage, on either engine: exact, whatever they are told apart by."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from router.database import Database
from router.ledger import Ledger
from router.ledger.baseline import LENGTHS, Lengths, lengths_of
from router.ledger.usage import Terms, UsageReport, UsageRow
from router.ledger.usage_query import usage_query
from router.types import LedgerRow
from tests.ledger.support import a_row

NIGHT = datetime(2026, 10, 24, 20, tzinfo=UTC)
"""Before the night in which Berlin's clocks go back."""

PLAIN = Terms()


@pytest.fixture
async def ledger(database: Database) -> AsyncIterator[Ledger]:
    ledger = Ledger.on(database)
    yield ledger
    await ledger.aclose()


def some_rows(n: int = 400) -> list[LedgerRow]:
    chance = random.Random(7)

    def money() -> Decimal | None:
        return chance.choice([None, Decimal(0), Decimal(chance.randrange(10**12)).scaleb(-18)])

    return [
        a_row(
            f"req-{number}",
            at=NIGHT + timedelta(minutes=chance.randrange(3 * 24 * 60)),
            tenant=chance.choice(["a", "b"]),
            team=chance.choice([None, "red", "blue"]),
            key_id=chance.choice([None, "k1", "k2"]),
            user_id=chance.choice([None, "ada"]),
            model=chance.choice(["m1", "m2"]),
            route=chance.choice(["weak", "strong"]),
            cache=chance.choice(["miss", "exact"]),
            outcome=chance.choice(["ok", "ok", "error"]),
            tokens_estimated=chance.random() < 0.2,
            cost_usd=money(),
            baseline_cost_usd=money(),
            uncertain_usd=money(),
            cached_tokens=chance.randrange(9),
            decision_us=float(chance.randrange(1000)),
            verify_us=chance.choice([None, 250.0]),
            embedded_ms=chance.choice([None, 1.5]),
        )
        for number in range(n)
    ]


async def recorded(ledger: Ledger, rows: list[LedgerRow]) -> None:
    await asyncio.gather(*(ledger.record(row) for row in rows))


async def asked(ledger: Ledger, terms: Terms = PLAIN, **question: Any) -> UsageReport:
    return await ledger.usage(usage_query(**question), terms)


def summed(amounts: Any) -> Decimal:
    return sum((amount for amount in amounts if amount is not None), Decimal(0))


def check(row: UsageRow, rows: list[LedgerRow]) -> None:
    """Hold a row to what its requests add up to."""
    compared = [each for each in rows if each.cost_usd is not None and each.baseline_cost_usd is not None]
    assert row.requests == len(rows)
    assert row.errors == sum(each.outcome == "error" for each in rows)
    assert row.prompt_tokens == sum(each.prompt_tokens for each in rows)
    assert row.cached_tokens == sum(each.cached_tokens for each in rows)
    assert row.estimated_requests == sum(each.tokens_estimated for each in rows)
    assert row.unpriced_requests == sum(each.cost_usd is None for each in rows)
    assert row.compared_requests == len(compared)
    assert Decimal(row.cost_usd or 0) == summed(each.cost_usd for each in rows)
    assert Decimal(row.baseline_usd or 0) == summed(each.baseline_cost_usd for each in rows)
    if compared:
        saved = summed(each.baseline_cost_usd for each in compared) - summed(each.cost_usd for each in compared)
        uncertain = summed(each.uncertain_usd for each in rows)
        assert Decimal(row.saved_usd or "nan") == saved
        assert Decimal(row.saved_low_usd or "nan") == saved + uncertain * (LENGTHS.low - 1)
        assert Decimal(row.saved_high_usd or "nan") == saved + uncertain * (LENGTHS.high - 1)
    assert row.routing_s == pytest.approx(sum(each.decision_us or 0 for each in rows) / 1e6)
    assert row.embedded_s == pytest.approx(sum(each.embedded_ms or 0 for each in rows) / 1e3)


BERLIN = ZoneInfo("Europe/Berlin")
OF: dict[str, Callable[[LedgerRow], str | None]] = {
    "day": lambda row: row.at.astimezone(BERLIN).date().isoformat(),
    "week": lambda row: f"{row.at.astimezone(BERLIN):%G-W%V}",
    "month": lambda row: f"{row.at.astimezone(BERLIN):%Y-%m}",
    "tenant": lambda row: row.tenant,
    "team": lambda row: row.team,
    "key": lambda row: row.key_id,
    "user": lambda row: row.user_id,
    "model": lambda row: row.model,
    "route": lambda row: row.route,
    "cache": lambda row: row.cache,
}


async def test_whatever_figures_are_told_apart_by_they_are_the_sums_of_their_requests(ledger: Ledger) -> None:
    rows = some_rows()
    await recorded(ledger, rows)
    for by in ((), *((name,) for name in OF), ("day", "team", "model"), ("user", "week"), tuple(OF)[2:]):
        groups: dict[tuple[str | None, ...], list[LedgerRow]] = defaultdict(list)
        for row in rows:
            groups[tuple(OF[name](row) for name in by)].append(row)
        report = await asked(ledger, by=by, tz="Europe/Berlin")
        assert report.grouped_by == by
        assert {tuple(row.by.values()) for row in report.rows} == set(groups)
        for row in report.rows:
            assert tuple(row.by) == by
            check(row, groups[tuple(row.by.values())])
        check(report.total, rows)


async def test_figures_are_narrowed_to_what_was_asked_for(ledger: Ledger) -> None:
    rows = some_rows()
    await recorded(ledger, rows)
    red = await asked(ledger, team="red", key="k1", model="m2")
    check(red.total, [row for row in rows if (row.team, row.key_id, row.model) == ("red", "k1", "m2")])
    without = await asked(ledger, key="")
    check(without.total, [row for row in rows if row.key_id is None])
    begin, end = datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC)
    day = await asked(ledger, since="2026-10-25", until="2026-10-26", tz="Europe/Berlin")
    within = [row for row in rows if begin <= row.at < end]
    check(day.total, within)
    assert 0 < len(within) < len(rows)


async def test_a_period_without_requests_is_empty(ledger: Ledger) -> None:
    assert (await asked(ledger, by=["day"])).rows == []
    await recorded(ledger, [a_row()])
    for question in ({"since": "2999-01-01"}, {"until": "1971-01-01"}, {"team": "'; DROP TABLE quarters; --"}):
        report = await asked(ledger, by=["day"], **question)
        assert report.rows == []
        assert (report.total.requests, report.total.saved_usd) == (0, None)


async def test_an_unknown_price_is_told_and_never_zero(ledger: Ledger) -> None:
    free, costs = a_row("1", team="free"), a_row("2", team="costs", cost_usd=Decimal("0.5"))
    unknown = a_row("3", team="unknown", cost_usd=None, baseline_cost_usd=None)
    refused = a_row("4", team="refused", cost_usd=None, baseline_cost_usd=None, outcome="error")
    refused = LedgerRow(**{name: getattr(refused, name) for name in refused.__struct_fields__} | NOTHING_READ)
    await recorded(ledger, [free, costs, unknown, refused])
    teams = {row.by["team"]: row for row in (await asked(ledger, by=["team"])).rows}
    assert (teams["free"].cost_usd, teams["free"].unpriced_requests) == ("0", 0)
    assert (teams["costs"].cost_usd, teams["costs"].saved_usd) == ("0.5", "-0.49963")
    assert (teams["unknown"].cost_usd, teams["unknown"].unpriced_requests) == (None, 1)
    assert (teams["unknown"].baseline_usd, teams["unknown"].saved_usd) == (None, None)
    assert (teams["refused"].cost_usd, teams["refused"].unpriced_requests) == ("0", 0)
    total = (await asked(ledger)).total
    assert (total.cost_usd, total.unpriced_requests) == ("0.5", 1)


NOTHING_READ = {"prompt_tokens": 0, "completion_tokens": 0}


async def test_time_of_this_machine_becomes_money_where_the_operator_says_what_an_hour_costs(ledger: Ledger) -> None:
    await recorded(ledger, [a_row(decision_us=400.0, verify_us=600.0, embedded_ms=3599.0)])
    assert (await asked(ledger)).total.compute_usd is None
    total = (await asked(ledger, Terms(compute_usd_per_hour=Decimal("2.5")))).total
    assert total.compute_usd == "0.0025"
    assert (total.routing_s, total.verifying_s, total.embedded_s) == (0.0004, 0.0006, 3.599)


async def test_own_lengths_move_the_interval(ledger: Ledger) -> None:
    await recorded(ledger, [a_row(uncertain_usd=Decimal("0.0002"))])
    terms = Terms(lengths_of((0.9, 1.5)))
    assert terms.lengths == Lengths(Decimal("0.9"), Decimal("1.5"))
    total = (await asked(ledger, terms)).total
    assert (total.saved_low_usd, total.saved_usd, total.saved_high_usd) == ("0.00035", "0.00037", "0.00047")


async def test_sums_stay_exact_beyond_what_floats_hold(ledger: Ledger) -> None:
    amounts = [Decimal("10000000000.1"), *[Decimal("0.000000000000000001")] * 300]
    await recorded(ledger, [a_row(f"r{n}", cost_usd=amount) for n, amount in enumerate(amounts)])
    assert (await asked(ledger)).total.cost_usd == "10000000000.1000000000000003"


async def test_more_periods_than_anybody_reads_are_refused(ledger: Ledger) -> None:
    await recorded(ledger, [a_row("1", at=datetime(1999, 1, 1, tzinfo=UTC)), a_row("2")])
    with pytest.raises(ValueError, match="narrow them"):
        await asked(ledger, by=["day"])
    assert len((await asked(ledger, by=["month"])).rows) == 2


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"by": ["day,colour"]}, "'colour' is none of"),
        ({"by": ["day", "week"]}, "only one of"),
        ({"since": "2026-02-01", "until": "2026-02-01"}, "not after"),
        ({"tz": "Moon"}, "no time zone"),
        ({"team": "x" * 201}, "'team': longer"),
        ({"by": ["day; DROP TABLE quarters"]}, "is none of"),
    ],
)
def test_a_question_that_cannot_be_meant_is_refused(question: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        usage_query(**question)
