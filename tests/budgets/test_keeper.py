"""Money of one process: never more than there is, whoever asks at once; and what is said to who gets none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from router.budgets import Decided, Observed
from router.errors import BudgetUnknown, InsufficientQuota, LedgerError
from router.principals import Scope
from tests.budgets.support import CURVE, STRONG, WEAK, Clock, SpentBefore, kept, scope

SERVER, TEAM, KEY = "server:here", "team:search", "key:ada"


async def test_hundreds_of_requests_at_once_hold_no_more_than_there_is() -> None:
    budgets, ada = kept(), scope("1.00")
    held = await asyncio.gather(
        *(budgets.reserve([ada], Decimal("0.03"), route="strong") for _ in range(400)), return_exceptions=True
    )
    given = [each for each in held if not isinstance(each, BaseException)]
    assert len(given) == 33
    assert all(isinstance(each, InsufficientQuota) for each in held if isinstance(each, BaseException))
    for each in given:
        each.settle(Decimal("0.02"), STRONG)
        each.settle(Decimal("0.02"), STRONG)
    state = await budgets.state(ada, CURVE)
    assert state is not None
    assert (state.spent, state.reserved, state.left) == (Decimal("0.66"), 0, Decimal("0.34"))


async def test_money_is_held_in_all_scopes_or_in_none() -> None:
    budgets = kept()
    server, team, key = scope(10, SERVER), scope(1, TEAM), scope(5, KEY)
    await budgets.reserve([server, team, key], Decimal("0.9"), route="strong")
    with pytest.raises(
        InsufficientQuota, match=r"The budget of team 'search', \$1 a month, has \$0\.10 left, and this"
    ):
        await budgets.reserve([server, team, key], Decimal("0.2"), route="strong")
    for each in (server, key):
        state = await budgets.state(each, CURVE)
        assert state is not None
        assert state.reserved == Decimal("0.9")


async def test_sums_are_exact() -> None:
    budgets, ada = kept(), scope(1000)
    for _ in range(3000):
        (await budgets.reserve([ada], Decimal("0.001"), route="strong")).settle(Decimal("0.00000003750001"), STRONG)
    state = await budgets.state(ada, CURVE)
    assert state is not None
    assert state.spent == Decimal("0.00011250003")


async def test_a_start_waits_for_what_was_spent_before_and_asks_once() -> None:
    spent = SpentBefore(key_ada="0.95")
    budgets, ada = kept(spent), scope(1)
    answers = await asyncio.gather(
        *(budgets.reserve([ada], Decimal("0.04"), route="strong") for _ in range(50)), return_exceptions=True
    )
    assert sum(not isinstance(answer, BaseException) for answer in answers) == 1
    assert spent.asked == [(KEY, datetime(2026, 11, 1, tzinfo=UTC))]


async def test_a_ledger_that_is_away_for_a_moment_is_waited_for_and_one_that_stays_away_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failures = 2

    async def spent(_scope: Scope, _since: datetime) -> Decimal:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise LedgerError("away")
        return Decimal("0.5")

    monkeypatch.setattr("router.budgets.keeper.PAUSE_S", 0.01)
    budgets = kept(spent)  # type: ignore[arg-type]
    await budgets.require_unspent([scope(1)])
    failures = 10**9
    monkeypatch.setattr("router.budgets.keeper.PATIENCE_S", 0.05)
    with pytest.raises(BudgetUnknown) as error:
        await budgets.require_unspent([scope(1, "key:bob")])
    assert (error.value.status, error.value.headers) == (503, {"retry-after": "1"})
    failures = 0
    await budgets.require_unspent([scope(1, "key:bob")])


async def test_who_has_spent_all_is_told_whose_budget_it_was_and_until_when() -> None:
    budgets = kept(SpentBefore(team_search="12.5"))
    with pytest.raises(InsufficientQuota) as error:
        await budgets.require_unspent([scope(100, SERVER), scope("12.50", TEAM, period="day")])
    assert error.value.payload()["error"] == {
        "message": "The budget of team 'search', $12.50 a day, is spent. The next day begins at 2026-11-19T00:00:00Z; "
        "whoever runs this server can raise the budget.",
        "type": "insufficient_quota",
        "param": None,
        "code": "insufficient_quota",
    }
    assert error.value.headers["retry-after"] == str(12 * 3600)


async def test_a_team_is_called_by_its_name_and_tiny_amounts_are_not_nothing() -> None:
    budgets = kept(SpentBefore())
    tiny = replace(scope("0.00000001", "team:q7x"), title="search")
    with pytest.raises(InsufficientQuota) as error:
        await budgets.reserve([tiny], Decimal("0.0000002"), route="strong")
    said = (
        "The budget of team 'search', $0.00000001 a month, has $0.00000001 left, and this request may cost $0.0000002."
    )
    assert error.value.message.startswith(said)


async def test_what_all_callers_together_may_spend_and_have_spent_is_told_to_none_of_them() -> None:
    budgets, server = kept(SpentBefore(server_here="73.21")), scope("73.50", SERVER)
    with pytest.raises(InsufficientQuota, match="The budget of this server has too little left") as short:
        await budgets.reserve([server], Decimal("0.40"), route="strong")
    (await budgets.reserve([server], Decimal("0.29"), route="strong")).settle(None, STRONG)
    with pytest.raises(InsufficientQuota, match=r"The budget of this server is spent\. The next month") as spent:
        await budgets.require_unspent([server])
    assert not any(char in "$73" for char in (short.value.message + spent.value.message).split(" begins")[0])


async def test_a_new_period_begins_with_a_new_budget_and_old_requests_count_for_the_old_one() -> None:
    clock, spent = Clock(), SpentBefore()
    budgets, ada = kept(spent, clock), scope(1, period="day", time_zone="Europe/Berlin")
    late = await budgets.reserve([ada], Decimal(1), route="strong")
    clock.now = datetime(2026, 11, 18, 22, 59, 59, tzinfo=UTC).timestamp()
    with pytest.raises(InsufficientQuota):
        await budgets.reserve([ada], Decimal("0.1"), route="strong")
    clock.now += 1
    early = await budgets.reserve([ada], Decimal("0.1"), route="strong")
    late.settle(Decimal(1), STRONG)
    early.settle(Decimal("0.1"), STRONG)
    state = await budgets.state(ada, CURVE)
    assert state is not None
    assert (state.spent, state.starts) == (Decimal("0.1"), datetime(2026, 11, 18, 23, tzinfo=UTC))
    assert [since for _, since in spent.asked] == [
        datetime(2026, 11, 17, 23, tzinfo=UTC),
        datetime(2026, 11, 18, 23, tzinfo=UTC),
    ]


async def test_a_budget_that_was_raised_holds_at_once() -> None:
    budgets = kept(SpentBefore(key_ada="1"))
    with pytest.raises(InsufficientQuota):
        await budgets.require_unspent([scope(1)])
    await budgets.require_unspent([scope(2)])
    await budgets.reserve([scope(2)], Decimal("0.9"), route="strong")
    with pytest.raises(InsufficientQuota):
        await budgets.reserve([scope(2)], Decimal("0.2"), route="strong")


async def test_where_the_weak_model_answers_on_only_the_strong_one_is_refused() -> None:
    budgets, ada = kept(SpentBefore(key_ada="0.99")), scope(1, when_spent="weak")
    with pytest.raises(InsufficientQuota):
        await budgets.reserve([ada], Decimal("0.02"), route="strong")
    (await budgets.reserve([ada], Decimal("0.02"), route="weak")).settle(Decimal("0.02"), WEAK)
    await budgets.require_unspent([ada])
    pace = budgets.pace([ada], CURVE)
    assert pace is not None
    assert (pace.threshold, pace.scope) == (1.0, KEY)
    for route in ("strong", "named", None):
        with pytest.raises(InsufficientQuota):
            await budgets.reserve([ada], Decimal(0), route=route)  # type: ignore[arg-type]
    await budgets.reserve([ada], Decimal("0.02"), route="weak")


async def test_what_is_not_known_counts_as_what_was_held_and_what_nobody_answered_as_nothing() -> None:
    budgets, ada = kept(), scope(1)
    (await budgets.reserve([ada], Decimal("0.2"), route="strong")).settle(None, STRONG)
    (await budgets.reserve([ada], Decimal("0.3"), route="strong")).settle(None, None)
    (await budgets.reserve([ada], None, route="strong")).settle(None, STRONG)
    (await budgets.reserve([ada], None, route=None)).settle(Decimal("0.01"), Decided())
    state = await budgets.state(ada, CURVE)
    assert state is not None
    assert (state.spent, state.reserved) == (Decimal("0.21"), 0)


async def test_who_had_no_budget_for_a_while_finds_spent_what_it_spent_meanwhile() -> None:
    ledger = SpentBefore(key_ada="0.10")
    budgets, before = kept(ledger), scope(1)
    await budgets.require_unspent([before])
    (await budgets.reserve([before], Decimal("0.05"), route="strong")).settle(Decimal("0.05"), STRONG)
    # The row of what was settled a moment ago may not be written yet.
    await budgets.require_unspent([msgspec.structs.replace(before, revision=7)])
    state = await budgets.state(before, CURVE)
    assert state is not None
    assert state.spent == Decimal("0.15")
    ledger.usd[KEY] = Decimal("3.50")
    await budgets.require_unspent([msgspec.structs.replace(before, revision=7)])
    with pytest.raises(InsufficientQuota):
        await budgets.require_unspent([msgspec.structs.replace(before, revision=8)])
    assert len(ledger.asked) == 3


async def test_scopes_without_a_budget_hold_nothing() -> None:
    spent = SpentBefore()
    budgets, bare = kept(spent), Scope(kind="key", id="ada")
    await budgets.require_unspent([bare])
    (await budgets.reserve([bare], Decimal(10), route="strong")).settle(Decimal(10), STRONG)
    assert budgets.pace([bare], CURVE) is None
    assert await budgets.state(bare, CURVE) is None
    assert spent.asked == []


@given(st.decimals(min_value=0, max_value=Decimal("1e400"), allow_nan=False), st.sampled_from(["day", "week", "month"]))
async def test_no_amount_is_too_large_or_too_small(usd: Decimal, period: str) -> None:
    budgets, ada = kept(), scope(str(usd), period=period)
    for amount in (Decimal(0), Decimal("1e-12"), usd, Decimal("1e28")):
        try:
            held = await budgets.reserve([ada], amount, route="strong")
        except InsufficientQuota:
            continue
        assert amount <= usd
        held.settle(amount, STRONG)
    assert (budgets.pace([ada], CURVE) is None) or usd <= 10**15
    state = await budgets.state(ada, CURVE)
    assert state is not None
    assert state.spent <= usd


async def spend(budgets: object, ada: Scope, clock: Clock, requests: int, step_s: float) -> None:
    for number in range(requests):
        clock.now += step_s
        decided = Decided("strong", 0.7 + number % 20 / 100, 0.1)
        (await budgets.reserve([ada], Decimal("0.01"), route="strong")).settle(Decimal("0.01"), decided)  # type: ignore[attr-defined]
        budgets.pace([ada], CURVE)  # type: ignore[attr-defined]


async def test_the_threshold_rises_where_the_money_would_not_last_and_only_there() -> None:
    for usd, paced in ((100, True), (10_000, False)):
        clock = Clock(datetime(2026, 11, 2, tzinfo=UTC).timestamp())
        budgets, ada = kept(clock=clock), scope(usd)
        await budgets.require_unspent([ada])
        await spend(budgets, ada, clock, 500, 60)
        pace = budgets.pace([ada], CURVE)
        assert (pace is not None) == paced
        state = await budgets.state(ada, CURVE)
        assert state is not None
        if pace is not None:
            assert pace.scope == KEY
            assert 0.7 < pace.threshold <= 1.0
            assert state.quality == pytest.approx(CURVE.quality_at(pace.threshold))
        unpaced = scope(usd, "key:bob", pace=False)
        await spend(budgets, unpaced, clock, 50, 60)
        assert budgets.pace([unpaced], CURVE) is None


async def test_of_several_budgets_the_scarcest_sets_the_pace() -> None:
    clock = Clock(datetime(2026, 11, 2, tzinfo=UTC).timestamp())
    budgets, team, key = kept(clock=clock), scope(40, TEAM), scope(300, KEY)
    await budgets.require_unspent([team, key])
    for _ in range(500):
        clock.now += 60
        held = await budgets.reserve([team, key], Decimal("0.01"), route="strong")
        held.settle(Decimal("0.01"), Decided("strong", 0.7 + clock.now % 1200 / 6000, 0.1))
        budgets.pace([team, key], CURVE)
    both, alone = budgets.pace([team, key], CURVE), budgets.pace([key], CURVE)
    assert both is not None
    assert both.scope == TEAM
    assert alone is None or alone.threshold < both.threshold


async def test_after_a_restart_the_pace_is_what_it_was() -> None:
    clock = Clock(datetime(2026, 11, 2, tzinfo=UTC).timestamp())
    first, ada = kept(clock=clock), scope(60)
    await first.require_unspent([ada])
    seen: list[Observed] = []
    for number in range(1500):
        clock.now += 120
        decided = Decided("strong", 0.7 + number % 20 / 100, 0.1)
        (await first.reserve([ada], Decimal("0.01"), route="strong")).settle(Decimal("0.01"), decided)
        seen.append(Observed(datetime.fromtimestamp(clock.now, UTC), Decimal("0.01"), decided))
        first.pace([ada], CURVE)
    asked: list[datetime] = []

    async def recall(_: Scope, since: datetime) -> Iterable[Observed]:
        asked.append(since)
        return seen

    before = first.pace([ada], CURVE)
    assert before is not None
    for teacher in (recall, None):
        second = kept(SpentBefore(key_ada="15"), clock, recall=teacher)
        await second.require_unspent([ada])
        held = await second.reserve([ada], Decimal("0.01"), route="strong")
        held.settle(Decimal("0.01"), Decided("strong", 0.8, 0.1))
        clock.now += 2
        after = second.pace([ada], CURVE)
        assert after is not None
        assert after.threshold == pytest.approx(before.threshold, abs=0.06)
    assert asked == [datetime.fromtimestamp(clock.now - 4, UTC) - timedelta(days=14)]
