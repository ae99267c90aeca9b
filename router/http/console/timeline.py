"""When what happened to a request."""

from __future__ import annotations

from msgspec import Struct

from router.recent import Settled
from router.types import LedgerRow

_WORDS = {
    "admitted": "let in",
    "decided": "decided",
    "cache": "looked in the cache",
    "asked": "asked the model",
    "first-token": "first token",
}


class Moment(Struct, frozen=True, kw_only=True):
    """A step that was done ``at_ms`` after the request arrived; None where that is not known any more.

    ``took_ms``: how long it took itself, where that was measured, else since the step before.
    """

    step: str
    at_ms: float | None
    took_ms: float | None


def timeline(row: LedgerRow, settled: Settled | None) -> list[Moment]:
    """The steps of a request in order: all of them where it is kept in memory, else those that the ledger has."""
    moments = [_moment("arrived", 0.0, 0.0)]
    if settled is None:
        return moments + _of_ledger(row)
    before = 0.0
    for step, at_ms in settled.steps:
        measured = {"decided": row.decision_us, "cache": row.verify_us}.get(step)
        moments.append(_moment(_WORDS[step], at_ms, at_ms - before if measured is None else measured / 1000))
        before = at_ms
    return [*moments, _moment("end", row.latency_ms, row.latency_ms - before)]


def _of_ledger(row: LedgerRow) -> list[Moment]:
    moments = []
    for word, measured in ((_WORDS["decided"], row.decision_us), (_WORDS["cache"], row.verify_us)):
        if measured is not None:
            moments.append(_moment(word, None, measured / 1000))
    if row.first_token_ms is not None:
        moments.append(_moment(_WORDS["first-token"], row.first_token_ms, None))
    return [*moments, _moment("end", row.latency_ms, row.latency_ms - (row.first_token_ms or 0.0))]


def _moment(step: str, at_ms: float | None, took_ms: float | None) -> Moment:
    return Moment(step=step, at_ms=_rounded(at_ms), took_ms=_rounded(took_ms))


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 3)
