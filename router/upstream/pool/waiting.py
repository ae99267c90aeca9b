"""How long to wait: what an upstream asks for, and what we choose ourselves."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

FIRST_BACKOFF_S = 0.25
LONGEST_BACKOFF_S = 4.0
"""No request waits longer than this between two attempts; who asks for more is left to the caller's own retry."""

FIRST_COOLDOWN_S = 1.0
LONGEST_COOLDOWN_S = 300.0
"""No ``Retry-After`` keeps a deployment out for longer."""


def asked_wait_s(retry_after: str | None) -> float | None:
    """The seconds of a ``Retry-After`` header, a number or an HTTP date (RFC 9110, 10.2.3); None where it says none."""
    if retry_after is None:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            until = parsedate_to_datetime(retry_after)
        except (ValueError, OverflowError):
            return None
        if until.tzinfo is None:
            until = until.replace(tzinfo=UTC)
        seconds = (until - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def backoff_s(attempt: int, chance: random.Random) -> float:
    """A wait before attempt 2, 3, ...: anything up to a limit that doubles ("full jitter")."""
    limit = min(FIRST_BACKOFF_S * 2.0 ** (attempt - 2), LONGEST_BACKOFF_S)
    return chance.uniform(0.0, limit)


def growing_s(first: float, strikes: int, longest: float) -> float:
    """A wait that doubles with each strike, the first being 1."""
    return min(first * 2.0 ** min(strikes - 1, 30), longest)


def header(seconds: float) -> str:
    """As ``Retry-After`` says it: whole seconds, at least one."""
    return str(max(1, math.ceil(seconds)))
