"""What ``GET /metrics`` tells of budgets: never of whom, since keys and teams have no end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from router.metrics import Family


def budget_families(refused: Mapping[str, int]) -> Iterator[Family]:
    """How often a budget had too little left; whether the weak model answered then is among the fallbacks."""
    if refused:
        yield Family(
            "underdog_budget_refusals_total",
            "Requests that a budget had too little left for, by the kind of scope that it belongs to.",
            "counter",
            [({"scope": kind}, count) for kind, count in sorted(refused.items())],
        )
