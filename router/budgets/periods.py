"""When the periods of budgets begin and end: at midnight in the time zone that a budget names."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct

from router.principals import Budget, Period

DAYS_A_WEEK = 7


class Span(Struct, frozen=True):
    """One period, from ``start`` on and before ``end``: aware UTC. ``name`` tells it from all others of its budget."""

    start: datetime
    end: datetime
    name: str

    @property
    def seconds(self) -> float:
        """How long it is. A day has 23, 24 or 25 hours, where clocks are changed."""
        return (self.end - self.start).total_seconds()

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end


def span_of(budget: Budget, moment: datetime) -> Span:
    """The period of a budget that an aware moment lies in."""
    day = _local(moment, budget.time_zone).date()
    span = _span(budget.period, budget.time_zone, day)
    if moment < span.end:
        return span
    # Clocks were set back over midnight: the date is the old one again, and the new period has begun.
    return _span(budget.period, budget.time_zone, day + timedelta(days=1))


def hour_of_week(moment: datetime, time_zone: str) -> float:
    """Hours since Monday, 0:00, by the clocks of a time zone, 0..168."""
    local = _local(moment, time_zone)
    return local.weekday() * 24 + local.hour + local.minute / 60 + local.second / 3600


def _local(moment: datetime, time_zone: str) -> datetime:
    return moment.astimezone(_zone(time_zone))


@lru_cache(maxsize=256)
def _span(period: Period, time_zone: str, day: date) -> Span:
    first, after = _days(period, day)
    zone = _zone(time_zone)
    return Span(_midnight(first, zone), _midnight(after, zone), f"{period}:{time_zone}:{first.isoformat()}")


def _days(period: Period, day: date) -> tuple[date, date]:
    """The first day of a period, and the first of the next one."""
    if period == "day":
        return day, day + timedelta(days=1)
    if period == "week":
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=DAYS_A_WEEK)
    first = day.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a day: where clocks skip midnight, the moment at which they do.

    A midnight that comes twice, since clocks are set back over it, is the first one (``fold`` 0). One that never comes
    is read with the offset from before the change, which is the first moment after it.
    """
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
