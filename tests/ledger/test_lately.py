"""What a scope's traffic was like lately, on both engines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from router.database import Database
from router.ledger import Ledger
from router.types import LedgerRow

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)


def row(number: int, **fields: object) -> LedgerRow:
    ordinary = {"at": NOW + timedelta(seconds=number), "cost_usd": Decimal("0.001"), "route": "weak", "attempts": 1}
    return LedgerRow(request_id=f"req-{number}", tenant="local", **(ordinary | fields))  # type: ignore[arg-type]


async def test_the_answered_requests_of_a_scope_come_oldest_first(database: Database) -> None:
    ledger = Ledger.on(database)
    rows = [
        row(1, key_id="a", team="t", win_rate=0.25, threshold=0.5, reason="win-rate"),
        row(2, key_id="b", team="t", route="strong", reason="paced", cost_usd=Decimal("0.123456789012345678")),
        row(3, key_id="a"),
        row(4, key_id="a", attempts=0, cache="exact"),
        row(5, key_id="a", cost_usd=None),
        row(6, key_id="a", outcome="error"),
        row(-90_000, key_id="a"),
    ]
    for each in rows:
        await ledger.record(each)
    since = NOW - timedelta(hours=1)
    of_key = await ledger.lately("key", "a", since)
    assert [seen.at for seen in of_key] == [rows[0].at, rows[2].at]
    assert (of_key[0].win_rate, of_key[0].threshold, of_key[0].reason) == (0.25, 0.5, "win-rate")
    of_team = await ledger.lately("team", "t", since)
    assert [seen.usd for seen in of_team] == [Decimal("0.001"), Decimal("0.123456789012345678")]
    assert len(await ledger.lately("server", "server", since)) == 3
    assert await ledger.lately("key", "' OR 1=1 --", since) == []
    await ledger.aclose()
