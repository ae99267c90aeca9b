"""A question about usage as people write it, on a command line or in a URL."""

from __future__ import annotations

from collections.abc import Iterable

from router.ledger.periods import moment_of, time_zone
from router.ledger.usage import BY, PERIODS, By, UsageQuery

MAX_FILTER_CHARS = 200
"""No name in the ledger's sums is longer."""


def usage_query(
    *, by: Iterable[str] = (), since: str | None = None, until: str | None = None, tz: str = "UTC", **only: str | None
) -> UsageQuery:
    """Read a question.

    Args:
        by: what to tell figures apart by; each may hold several, with commas between.
        since: a day or a time; see ``moment_of``.
        until: the same, up to and without which.
        tz: where days begin.
        only: what to narrow to, as ``UsageQuery`` has it.

    Raises:
        ValueError: naming what is wrong, and what may stand there.
    """
    zone = time_zone(tz)
    begin, end = (None if text is None else moment_of(text, zone) for text in (since, until))
    if begin is not None and end is not None and begin >= end:
        raise ValueError("'until' is not after 'since'")
    for name, value in only.items():
        if value is not None and len(value) > MAX_FILTER_CHARS:
            raise ValueError(f"'{name}': longer than any that is counted")
    return UsageQuery(by=_by(by), since=begin, until=end, zone=zone, **only)


def _by(given: Iterable[str]) -> tuple[By, ...]:
    names = [name.strip() for text in given for name in text.split(",")]
    known = dict.fromkeys(name for name in BY for each in names if each == name)
    unknown = [name for name in names if name and name not in known]
    if unknown:
        raise ValueError(f"'by': '{unknown[0][:40]}' is none of {', '.join(BY)}")
    if sum(name in PERIODS for name in known) > 1:
        raise ValueError(f"'by': only one of {', '.join(PERIODS)}")
    # In the order in which they were asked for.
    return tuple(sorted(known, key=names.index))
