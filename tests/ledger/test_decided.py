"""Past requests as they are read to be decided once more, on both engines."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from router.database import Database
from router.ledger import Ledger
from router.ledger.decided import ENOUGH, PastRequest, mean_answer_tokens, read_decided
from router.ledger.reading import reading
from tests.ledger.support import MORNING, a_row


async def test_the_last_requests_come_newest_first_with_all_that_deciding_and_pricing_needs(database: Database) -> None:
    ledger = Ledger.on(database)
    for number in range(3):
        await ledger.record(a_row(f"req-{number}", at=MORNING + timedelta(hours=number), tenant=f"t{number}"))
    await ledger.record(a_row("bare", route=None, win_rate=None, cost_usd=None, baseline_cost_usd=None))
    found = await ledger.decided(3)
    assert [past.at for past in found] == [MORNING, MORNING + timedelta(hours=2), MORNING + timedelta(hours=1)]
    assert (found[0].route, found[0].win_rate, found[0].cost_usd) == (None, None, None)
    assert found[1] == PastRequest(
        at=MORNING + timedelta(hours=2),
        endpoint="/v1/chat/completions",
        route="weak",
        model="smollm2",
        provider=None,
        reason="win-rate",
        win_rate=0.25,
        unfamiliarity=None,
        artifact="default/1",
        cache="miss",
        outcome="ok",
        prompt_tokens=12,
        completion_tokens=34,
        reasoning_tokens=0,
        cost_usd=0.0,
        baseline_cost_usd=0.00037,
        uncertain_usd=None,
    )
    with reading(database) as connection:
        late = list(read_decided(connection, limit=9, since=MORNING + timedelta(minutes=1)))
    assert len(late) == 2


async def test_the_weak_models_answers_tell_how_long_answers_are_once_there_are_enough(database: Database) -> None:
    ledger = Ledger.on(database)

    def mean() -> float | None:
        with reading(database) as connection:
            return mean_answer_tokens(connection)

    assert mean() is None
    for number in range(ENOUGH):
        assert mean() is None
        await ledger.record(a_row(f"req-{number}", attempts=1, completion_tokens=10 + 2 * (number % 2)))
    for name, changes in (
        ("strong", {"route": "strong"}),
        ("cached", {"attempts": 0}),
        ("failed", {"outcome": "error"}),
        ("silent", {"completion_tokens": 0}),
    ):
        fields = {"attempts": 1, "completion_tokens": 9_999, "cost_usd": Decimal(1), **changes}
        await ledger.record(a_row(name, **fields))
    assert mean() == 11.0
