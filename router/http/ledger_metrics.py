"""What ``GET /metrics`` tells of the ledger."""

from __future__ import annotations

from collections.abc import Iterator

from router.metrics import Family


def ledger_families(waiting: int) -> Iterator[Family]:
    """How many rows the ledger's database does not have yet."""
    yield Family(
        "underdog_ledger_waiting",
        "Rows that wait on this server's disk until the ledger's database is back.",
        "gauge",
        [({}, waiting)],
    )
