"""Numbers as people and models write them: separators, fractions, percent, currency, units, powers of ten."""

from __future__ import annotations

import re
from math import isclose

from msgspec import Struct

RELATIVE_TOLERANCE = 1e-6

_DIGITS = r"\d{1,3}(?:[,'’\u00a0\u202f\u2009]\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3})+,\d+|\d+[.,]\d+|\d+|\.\d+"
_SCALE = r"[eE](?P<exponent>[+-]?\d{1,3})|\s*(?:×|x|\\times|\*)\s*10\s*\^\s*\{?(?P<power>[+-]?\d{1,3})\}?"
_NUMBER = re.compile(
    r"(?P<sign>(?<![\w)])[-−–]\s?)?[$€£¥]?(?:"
    r"\\d?frac\{(?P<top>\d{1,18})\}\{(?P<bottom>\d{1,18})\}"
    r"|(?:(?P<whole>\d{1,18})\s+)?(?P<over>\d{1,18})\s?/\s?(?P<under>\d{1,18})(?![/\d])"
    rf"|(?P<digits>{_DIGITS})(?:{_SCALE})?"
    r")(?P<percent>\s?(?:\\?%|percent\b|per cent\b))?"
)
_UNIT = re.compile(r"(?:\s*\\?[A-Za-zµ°Ω$€£¥²³]{1,12}(?:[/^·*-]?[A-Za-z0-9²³]{1,6}){0,2})?\.?")
_GROUP = re.compile(r"[,'’\u00a0\u202f\u2009](?=\d{3}(?!\d))")


class Number(Struct, frozen=True):
    """A number as it was written: ``value`` without the percent sign, ``decimals`` digits after the point."""

    value: float
    percent: bool = False
    decimals: int = 0


def numbers_in(text: str) -> list[Number]:
    """Every number in ``text``, in order; a fraction over zero is none."""
    return [number for match in _NUMBER.finditer(text) if (number := _number(match)) is not None]


def parse_number(text: str) -> Number | None:
    """The number that all of ``text`` is, a unit after it aside; None where it is anything else."""
    text = text.strip().strip("$").strip()
    match = _NUMBER.match(text)
    if match is None or not _UNIT.fullmatch(text, match.end()):
        return None
    return _number(match)


def same_number(said: Number, reference: Number) -> bool:
    """Whether both are one number.

    A reference with two decimals or more may be met by a longer figure that rounds to it. A percentage may be met by
    its figure with or without the sign, or by the share that it stands for.
    """
    values = {said.value}
    if said.percent and not reference.percent:
        values.add(said.value / 100)
    elif reference.percent and not said.percent:
        values.add(said.value * 100)
    rounds = 1 < reference.decimals < said.decimals
    slack = 0.5 * 10**-reference.decimals * (1 + RELATIVE_TOLERANCE) if rounds else 0.0
    return any(
        isclose(value, reference.value, rel_tol=RELATIVE_TOLERANCE, abs_tol=max(slack, 1e-12)) for value in values
    )


def _number(match: re.Match[str]) -> Number | None:
    sign = -1.0 if match["sign"] else 1.0
    percent = match["percent"] is not None
    top, bottom = match["top"] or match["over"], match["bottom"] or match["under"]
    if top is not None:
        if not int(bottom):
            return None
        return Number(sign * (int(match["whole"] or 0) + int(top) / int(bottom)), percent)
    digits = _canonical(match["digits"])
    exponent = int(match["exponent"] or match["power"] or 0)
    decimals = len(digits.partition(".")[2])
    return Number(sign * float(f"{digits}e{exponent}"), percent, decimals - exponent if decimals > exponent else 0)


def _canonical(digits: str) -> str:
    """Digits with a point and no separators: a comma before three digits groups, before others it is a point."""
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+,\d+", digits):
        return digits.replace(".", "").replace(",", ".")
    return _GROUP.sub("", digits).replace(",", ".")
