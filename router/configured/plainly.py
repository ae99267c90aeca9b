"""What msgspec says of a value that does not fit, in the words of who wrote it: a text, a list, a whole number."""

from __future__ import annotations

import re

_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "datetime": "a time",
    "null": "null",
}
_SIZES = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
_UNITS = {"str": "characters", "array": "entries", "object": "entries"}

_GOT = re.compile(r"^expected (?P<wanted>[a-z |]+), got (?P<given>[a-z]+)$")
_BOUND = re.compile(r"^expected (?:int|float|decimal) (?P<sign>[<>]=?) (?P<bound>\S+)$")
_LENGTH = re.compile(r"^expected (?P<kind>str|array|object) of length (?P<sign>[<>]=) (?P<bound>\d+)$")
_WHOLE = {
    "invalid decimal string": 'must be a number such as "25.00", without a currency or a comma',
    "invalid rfc3339 encoded datetime": "must be a time such as 2027-01-31T00:00:00Z",
    "expected datetime with a timezone component": "must have an offset, such as the Z of 2027-01-31T00:00:00Z",
}


def plainly(reason: str) -> str:
    """The reason as people would say it; one that is not known here stays as it is.

    Args:
        reason: msgspec's own, without quotes and without a path.
    """
    if (whole := _WHOLE.get(reason.lower())) is not None:
        return whole
    reason = reason[:1].lower() + reason[1:]
    if (bound := _BOUND.match(reason)) is not None:
        return f"must be {_SIZES[bound['sign']]} {bound['bound'].removesuffix('.0')}"
    if (length := _LENGTH.match(reason)) is not None:
        if (length["sign"], length["bound"]) == (">=", "1"):
            return "must not be empty"
        return f"must have {_SIZES[length['sign']]} {length['bound']} {_UNITS[length['kind']]}"
    if reason.startswith("expected str matching regex"):
        return "has a character that must not be in it, such as a space or a control character"
    if reason.startswith("expected int") and reason.endswith(", got float"):
        return "must be a whole number"
    if (got := _GOT.match(reason)) is not None:
        wanted = " or ".join(_KINDS.get(kind, kind) for kind in got["wanted"].split(" | ") if kind != "null")
        return f"must be {wanted}, not {_KINDS.get(got['given'], got['given'])}"
    return reason
