"""W3C Trace Context, level 1 (https://www.w3.org/TR/trace-context/): the headers by which a trace goes on elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

PARENT = "traceparent"
STATE = "tracestate"
MAX_STATE_CHARS = 512
"""A longer ``tracestate`` is not passed on."""
MAX_MEMBERS = 32

SAMPLED = 0x01

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")

_NAME = r"[a-z][_0-9a-z*/-]{0,255}|[a-z0-9][_0-9a-z*/-]{0,240}@[a-z][_0-9a-z*/-]{0,13}"
_MEMBER = re.compile(rf"({_NAME})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{{0,255}}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")


class Parent(Struct, frozen=True):
    """The span of the caller's that a request is part of. ``state``: what others keep in the trace, as it came."""

    trace_id: int
    span_id: int
    sampled: bool
    state: str


def parent_in(headers: Mapping[str, str]) -> Parent | None:
    """The caller's span; None where no header names one, or a wrong one."""
    text = headers.get(PARENT)
    match = _PARENT.fullmatch(text.strip()) if text else None
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == "ff" or (version == "00" and more):
        return None
    if not int(trace_id, 16) or not int(span_id, 16):
        return None
    return Parent(int(trace_id, 16), int(span_id, 16), bool(int(flags, 16) & SAMPLED), _state_in(headers))


def _state_in(headers: Mapping[str, str]) -> str:
    """What others keep in the trace; nothing where it is not as the standard has it, which libraries would log."""
    state = headers.get(STATE, "").strip()
    if not state or len(state) > MAX_STATE_CHARS:
        return ""
    members = [member.strip(" \t") for member in state.split(",")]
    found = [_MEMBER.fullmatch(member) for member in members if member]
    names = {match[1] for match in found if match is not None}
    return state if len(names) == len(found) <= MAX_MEMBERS else ""


def headers_of(trace_id: int, span_id: int, *, sampled: bool, state: str) -> dict[str, str]:
    """The headers by which a trace goes on from one of our spans."""
    headers = {PARENT: f"00-{trace_id:032x}-{span_id:016x}-{SAMPLED if sampled else 0:02x}"}
    return headers | {STATE: state} if state else headers
