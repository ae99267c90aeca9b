"""Figures as people read them, in few signs."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from router.commands.printable import printable

UNKNOWN = "-"
_STEPS = (("d", 86_400), ("h", 3_600), ("min", 60))


def percent(share: float | None) -> str:
    """A share, 0..1."""
    return UNKNOWN if share is None else f"{share:.0%}"


def money(usd: str | None) -> str:
    """An amount of US dollars, as text: cents where it has any, more digits below."""
    if usd is None:
        return UNKNOWN
    amount = float(usd)
    size = abs(amount)
    digits = 2 if size == 0 or size >= 1 else 4 if size >= 0.001 else min(9, 1 - math.floor(math.log10(size)))
    return f"{'-' if amount < 0 else ''}${size:,.{digits}f}"


def milliseconds(value: float | None) -> str:
    """A time of so many milliseconds."""
    if value is None:
        return UNKNOWN
    return f"{value / 1000:.1f} s" if value >= 1000 else f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"


def percentiles(of: dict[str, float | None]) -> str:
    """The 50th, 95th and 99th percentile of a time."""
    return " / ".join(milliseconds(of[name]) for name in ("p50", "p95", "p99"))


def span(seconds: float) -> str:
    """A length of time, of its two largest units."""
    left, parts = int(seconds), []
    for unit, size in _STEPS:
        if left >= size:
            parts.append(f"{left // size} {unit}")
            left %= size
    return " ".join(parts[:2]) or f"{left} s"


def clock(moment: str) -> str:
    """The time of day, here, of a moment in ISO's notation."""
    return datetime.fromisoformat(moment).astimezone().strftime("%H:%M:%S")


def shown(value: Any) -> str:
    """Text of whoever asked or answered, which must not steer the terminal."""
    return UNKNOWN if value is None else printable(str(value))
