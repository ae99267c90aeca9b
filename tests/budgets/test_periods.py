"""When periods begin and end, whatever is done to clocks."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.budgets.periods import hour_of_week, span_of
from router.principals import Budget, Period

ZONES = sorted(zoneinfo.available_timezones())
SKITTISH = [
    "America/Havana",  # midnight is skipped in spring and comes twice in autumn
    "America/Sao_Paulo",  # the same, the other way round
    "America/St_Johns",  # clocks were changed at one minute past midnight
    "Pacific/Apia",  # a day was left out
    "Africa/Casablanca",
    "Europe/Berlin",
    "Australia/Lord_Howe",  # half an hour
]
moments = st.datetimes(datetime(1990, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
zones = st.sampled_from(ZONES) | st.sampled_from(SKITTISH)
periods: st.SearchStrategy[Period] = st.sampled_from(["day", "week", "month"])


def budget(period: Period, zone: str = "UTC") -> Budget:
    return Budget(usd=Decimal(1), period=period, time_zone=zone)


@given(moments, zones, periods)
def test_every_moment_lies_in_one_period_and_periods_join_without_a_gap(
    moment: datetime, zone: str, period: Period
) -> None:
    held = budget(period, zone)
    span = span_of(held, moment)
    assert moment in span
    assert span_of(held, span.start) == span
    assert span_of(held, span.end - timedelta(microseconds=1)) == span
    following = span_of(held, span.end)
    assert following.start == span.end
    assert following.name != span.name


@given(moments, zones, periods)
def test_periods_begin_as_the_clocks_of_their_zone_say(moment: datetime, zone: str, period: Period) -> None:
    span = span_of(budget(period, zone), moment)
    first = span.start.astimezone(ZoneInfo(zone))
    before = (span.start - timedelta(microseconds=1)).astimezone(ZoneInfo(zone))
    assert first.date() > before.date()
    if period == "week" and zone != "Pacific/Apia":
        assert first.weekday() == 0
    if period == "month" and zone != "Pacific/Apia":
        assert first.day == 1
    assert 0 <= hour_of_week(moment, zone) < 168


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-07-01", 24)])
def test_a_day_is_as_long_as_its_clocks_make_it(day: str, hours: int) -> None:
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZoneInfo("Europe/Berlin"))
    assert span_of(budget("day", "Europe/Berlin"), noon).seconds == hours * 3600


def test_weeks_begin_on_monday_and_months_with_their_first_day() -> None:
    moment = datetime(2026, 11, 29, 23, 59, 59, tzinfo=UTC)  # a Sunday
    assert span_of(budget("week"), moment).start == datetime(2026, 11, 23, tzinfo=UTC)
    assert span_of(budget("month"), moment).end == datetime(2026, 12, 1, tzinfo=UTC)
    assert span_of(budget("day", "Asia/Kolkata"), moment).start == datetime(2026, 11, 29, 18, 30, tzinfo=UTC)
    assert hour_of_week(datetime(2026, 11, 23, tzinfo=UTC), "UTC") == 0
