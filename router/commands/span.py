"""Lengths of time, and moments, as people type them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

_SPAN = re.compile(r"(?P<count>\d+(?:\.\d+)?)(?P<unit>[smhd]?)", re.ASCII)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_LONGEST_S = 36_525 * 86_400
"""A hundred years: dates end somewhere."""


class Span(click.ParamType[float]):
    """A length of time: seconds, or a number with s, m, h or d. Gives seconds."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds; wrong usage where it is no length of time."""
        if isinstance(value, float):
            return value
        if (seconds := _seconds(str(value))) is None:
            self.fail(f"'{value}' is no length of time: give seconds, or a number with s, m, h or d, such as 12h.")
        return seconds


class Moment(click.ParamType[datetime]):
    """A day or time, in UTC where it names no offset, or a length of time from now. Gives aware times."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The moment; wrong usage where it is none."""
        if isinstance(value, datetime):
            return value
        seconds = _seconds(str(value)) if str(value)[-1:] in tuple("smhd") else None
        if seconds is not None and seconds <= _LONGEST_S:
            return datetime.now(UTC) + timedelta(seconds=seconds)
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"'{value}' is no time: give a day, such as 2027-01-31, a time, or a length of time such as 90d.")
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _seconds(text: str) -> float | None:
    match = _SPAN.fullmatch(text)
    return None if match is None else float(match["count"]) * _SECONDS[match["unit"]]
