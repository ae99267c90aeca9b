"""Days, weeks and months as people have them: in a time zone, daylight saving and all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

Period = Literal["day", "week", "month"]

FIRST_YEAR, LAST_YEAR = 1971, 2999
"""Times outside of these are slips of the keyboard, and would leave what engines and libraries can count."""

_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+\-]{0,31}(/[A-Za-z0-9_+\-]{1,31}){0,2}")


class Span(NamedTuple):
    """One period: what it is called, and its bounds in seconds since 1970, the second one outside."""

    name: str
    begin: int
    end: int


def time_zone(name: str) -> ZoneInfo:
    """The zone of an IANA name, such as ``Europe/Berlin`` or ``UTC``.

    Raises:
        ValueError: there is none of this name.
    """
    # The pattern first: the library takes names for paths.
    if _ZONE.fullmatch(name):
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            pass
    raise ValueError(f"'{name[:64]}' is no time zone; write a name of the IANA data base, such as UTC or Europe/Berlin")


def moment_of(text: str, zone: ZoneInfo) -> datetime:
    """An aware time of a day (its beginning) or a time in ISO 8601; without an offset it is one of ``zone``.

    Raises:
        ValueError: it is neither.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise ValueError(f"'{text[:64]}' is neither a day (2026-11-29) nor a time (2026-11-29T08:00)") from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"'{text[:64]}' is out of all reason; years from {FIRST_YEAR} to {LAST_YEAR} are known")
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)


def spans(period: Period, begin: int, end: int, zone: ZoneInfo) -> Iterator[Span]:
    """The periods that hold the seconds from ``begin`` to before ``end``, the first and the last cut to these."""
    if begin >= end:
        return
    day = _first_day(period, datetime.fromtimestamp(begin, zone).date())
    while (start := _midnight(day, zone)) < end:
        following = _next(period, day)
        yield Span(_name(period, day), max(start, begin), min(_midnight(following, zone), end))
        day = following


def _midnight(day: date, zone: ZoneInfo) -> int:
    # Where clocks skip midnight, this is the moment at which they do.
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())


def _first_day(period: Period, day: date) -> date:
    if period == "day":
        return day
    return day.replace(day=1) if period == "month" else day - timedelta(days=day.weekday())


def _next(period: Period, day: date) -> date:
    if period == "month":
        return (day + timedelta(days=32)).replace(day=1)
    return day + timedelta(days=1 if period == "day" else 7)


def _name(period: Period, day: date) -> str:
    if period == "month":
        return f"{day:%Y-%m}"
    return f"{day:%G-W%V}" if period == "week" else day.isoformat()
