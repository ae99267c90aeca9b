"""Days, weeks and months in a time zone."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from router.ledger.periods import Period, moment_of, spans, time_zone

BERLIN = ZoneInfo("Europe/Berlin")


def seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


@pytest.mark.parametrize(
    ("zone", "days", "hours"),
    [
        ("Europe/Berlin", ("2026-03-28", "2026-03-29", "2026-03-30"), [24, 23, 24]),
        ("Europe/Berlin", ("2026-10-24", "2026-10-25", "2026-10-26"), [24, 25, 24]),
        ("America/Santiago", ("2026-09-05", "2026-09-06", "2026-09-07"), [24, 23, 24]),  # clocks skip midnight
        ("Africa/Cairo", ("2026-04-23", "2026-04-24", "2026-04-25"), [24, 23, 24]),  # the same
        ("America/Havana", ("2026-10-31", "2026-11-01", "2026-11-02"), [24, 25, 24]),  # midnight comes twice
        ("Australia/Lord_Howe", ("2026-04-04", "2026-04-05", "2026-04-06"), [24, 24.5, 24]),
        ("Asia/Kathmandu", ("2026-01-01", "2026-01-02", "2026-01-03"), [24, 24, 24]),
        ("UTC", ("2028-02-28", "2028-02-29", "2028-03-01"), [24, 24, 24]),
    ],
)
def test_days_begin_at_midnight_whatever_the_clocks_do(zone: str, days: tuple[str, ...], hours: list[float]) -> None:
    zoned = ZoneInfo(zone)
    begin = int(moment_of(days[0], zoned).timestamp())
    found = list(spans("day", begin, begin + int(sum(hours) * 3600), zoned))
    assert [span.name for span in found] == list(days)
    assert [(span.end - span.begin) / 3600 for span in found] == hours
    assert all(one.end == other.begin for one, other in itertools.pairwise(found))
    assert all(span.begin % 900 == 0 for span in found)


@pytest.mark.parametrize(
    ("period", "names"),
    [("week", ["2026-W53", "2027-W01"]), ("month", ["2026-12", "2027-01"]), ("day", ["2026-12-31", "2027-01-01"])],
)
def test_the_first_and_the_last_period_are_cut_to_what_was_asked_for(period: Period, names: list[str]) -> None:
    begin, end = seconds("2026-12-31T10:00+00:00"), seconds("2027-01-01T01:00+00:00")
    if period == "week":
        end = seconds("2027-01-04T01:00+00:00")
    found = list(spans(period, begin, end, ZoneInfo("UTC")))
    assert [span.name for span in found] == names
    assert (found[0].begin, found[-1].end) == (begin, end)


def test_an_empty_stretch_has_no_periods() -> None:
    assert list(spans("day", 900, 900, BERLIN)) == []
    assert list(spans("day", 1800, 900, BERLIN)) == []


def test_a_day_begins_in_the_zone_and_an_offset_stands_above_it() -> None:
    assert moment_of("2026-07-01", BERLIN).astimezone(UTC) == datetime(2026, 6, 30, 22, tzinfo=UTC)
    assert moment_of("2026-07-01T12:00Z", BERLIN).astimezone(UTC) == datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert moment_of(" 2026-07-01T12:00:30+05:45 ", BERLIN).astimezone(UTC) == datetime(
        2026, 7, 1, 6, 15, 30, tzinfo=UTC
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "0001-01-01",
        "9999-12-31",
        "2026-13-01",
        "2026-02-30",
        "1e9",
        "2026-01-01T25:00",
        "-1",
        "2026-01-01 x",
    ],
)
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"neither a day|out of all reason"):
        moment_of(text, BERLIN)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Mars/Base",
        "../../etc/passwd",
        "/etc/passwd",
        "Europe/../Europe/Berlin",
        "Europe/Berlin\0",
        "a" * 5000,
        "UTC ",
    ],
)
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no time zone"):
        time_zone(name)
