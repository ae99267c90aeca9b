"""Rows to record, and a child process that records them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from router.types import LedgerRow

REPOSITORY = Path(__file__).parents[2]
CHILD = Path(__file__).with_name("recording_child.py")
MORNING = datetime(2026, 11, 22, 8, 30, 15, 123456, tzinfo=UTC)


def a_row(request_id: str = "req-1", **changes: Any) -> LedgerRow:
    """An ordinary answered request, with ``changes``."""
    fields: dict[str, Any] = {
        "request_id": request_id,
        "at": MORNING,
        "tenant": "acme",
        "requested_model": "auto",
        "route": "weak",
        "model": "smollm2",
        "reason": "win-rate",
        "win_rate": 0.25,
        "threshold": 0.5,
        "artifact": "default/1",
        "cache": "miss",
        "finish_reason": "stop",
        "prompt_tokens": 12,
        "completion_tokens": 34,
        "cost_usd": Decimal(0),
        "baseline_cost_usd": Decimal("0.00037"),
        "latency_ms": 12.5,
        "decision_us": 400.0,
    }
    return LedgerRow(**{**fields, **changes})


def start_child(
    path: Path, mode: str, environment: Mapping[str, str] = os.environ, **options: Any
) -> subprocess.Popen[str]:
    """Start ``recording_child.py`` on the ledger at ``path``; its standard output is a pipe of lines."""
    return subprocess.Popen(
        [sys.executable, str(CHILD), str(path), mode],
        env={**environment, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )
