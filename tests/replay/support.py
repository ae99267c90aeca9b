"""Requests to replay, and the same figures by plain Python."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from router.ledger.decided import PastRequest
from router.replay.amounts import Ratios
from router.replay.requests import Requests

MORNING = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)


def past(**changes: Any) -> PastRequest:
    """An ordinary answered request, with ``changes``."""
    fields: dict[str, Any] = {
        "at": MORNING,
        "endpoint": "/v1/chat/completions",
        "route": "weak",
        "model": "small",
        "provider": "local",
        "reason": "win-rate",
        "win_rate": 0.7,
        "unfamiliarity": 0.5,
        "artifact": "default/1",
        "cache": "miss",
        "outcome": "ok",
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "reasoning_tokens": 0,
        "cost_usd": 0.0,
        "baseline_cost_usd": 0.003,
        "uncertain_usd": 0.002,
    }
    return PastRequest(**{**fields, **changes})


def requests_of(rows: list[tuple[float, bool, float, float, float, float, bool]]) -> Requests:
    """Requests of (win rate, unfamiliar, weak, weak_answer, strong, strong_answer, went strong)."""
    table = np.array(rows, np.float64).reshape(-1, 7).T
    return Requests(
        win_rate=table[0],
        unfamiliar=table[1] > 0,
        weak=table[2],
        weak_answer=table[3],
        strong=table[4],
        strong_answer=table[5],
        went_strong=table[6] > 0,
        is_priced=True,
        left_out={},
        left_out_usd=0.0,
    )


def goes_strong(win_rate: float, unfamiliar: bool, threshold: float, when_unfamiliar: str) -> bool:
    """As ``router.policy`` has it."""
    if unfamiliar and when_unfamiliar != "win-rate" and 0.0 < threshold < 1.0:
        return when_unfamiliar == "strong"
    return win_rate >= threshold


def slowly(
    rows: list[tuple[float, bool, float, float, float, float, bool]],
    threshold: float,
    when_unfamiliar: str,
    ratios: Ratios,
) -> tuple[float, float, float, float]:
    """Strong share, quality, cost and savings against all strong, one request after another."""
    share = part = whole = cost = dear = 0.0
    for win_rate, unfamiliar, weak, weak_answer, strong, strong_answer, _ in rows:
        on_strong = strong + strong_answer * ratios.taken
        on_weak = weak + weak_answer / ratios.taken
        whole += win_rate
        dear += on_strong
        if goes_strong(win_rate, unfamiliar, threshold, when_unfamiliar):
            share += 1
            part += win_rate
            cost += on_strong
        else:
            cost += on_weak
    share /= len(rows)
    return share, part / whole if whole else share, cost, dear - cost
