"""What is no budget: said for settings, and for the forms of keys and teams."""

from __future__ import annotations

import functools
from decimal import Decimal
from zoneinfo import available_timezones

MAX_USD_DIGITS = 12
"""Digits before the point: a budget is below a million million dollars."""

MAX_USD_DECIMALS = 18


def wrong_amount(usd: Decimal) -> str | None:
    """What is wrong with an amount of dollars; None where it is one."""
    if not usd.is_finite() or usd < 0:
        return 'must be an amount of dollars, such as "25.00"'
    if usd.adjusted() >= MAX_USD_DIGITS:
        return f"must have {MAX_USD_DIGITS} digits before the point at most; leave it out for no budget"
    exponent = usd.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > MAX_USD_DECIMALS:
        return f"must have {MAX_USD_DECIMALS} decimals at most"
    return None


def wrong_time_zone(name: str) -> str | None:
    """What is wrong with the name of a time zone; None where the IANA data base has it."""
    # Not by opening it: the name would be a path.
    if name == "UTC" or name in _time_zones():
        return None
    return f"'{name[:60]}' is no time zone; give a name such as Europe/Berlin, or UTC"


@functools.cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())
