"""Why a request went where it went, told from the numbers that the scorer saw of it."""

from __future__ import annotations

from msgspec import Struct

from router.artifacts.in_use import InUse
from router.recent import Recent, Settled
from router.types import LedgerRow

EVERY_PART = 1_000


class Reasons(Struct, frozen=True, kw_only=True):
    """The score, and what each part of the prompt added to that of an average one, in its units; strongest first."""

    score: float
    contributions: dict[str, float]


class Explained(Struct, frozen=True, kw_only=True):
    """The reasons; or why there are none. ``answered_first``: the request whose answer was given again, where known."""

    reasons: Reasons | None = None
    why_no_reasons: str | None = None
    answered_first: str | None = None


_FORGOTTEN = (
    "The numbers behind a decision are kept in memory, for the newest requests of this server since it was started; "
    "this one is not among them."
)
_PINNED = "The caller named the model, so that the score decided nothing."
_UNSCORED = "The request came to its end before it was scored."


def explained(row: LedgerRow, settled: Settled | None, recent: Recent, in_use: InUse) -> Explained:
    """The reasons of a request. Takes a millisecond at most.

    Args:
        row: of the request.
        settled: what is kept of it in memory; None where nothing is.
        recent: the other requests that are kept.
        in_use: the artifact that decides now.
    """
    if row.cache == "exact":
        return _of_cached(row, recent)
    first = _first(row.cache_entry, row, recent)
    why = _why_not(row, settled, in_use)
    if why is not None or settled is None or settled.sight is None:
        return Explained(why_no_reasons=why, answered_first=first)
    contributions = in_use.scorer.explain_row(settled.sight.input, top=EVERY_PART)
    return Explained(reasons=Reasons(score=settled.sight.score, contributions=contributions), answered_first=first)


def _of_cached(row: LedgerRow, recent: Recent) -> Explained:
    first = _first(row.cache_key, row, recent)
    said = "Answered from the cache before anything was scored"
    said += f"; the request that was answered first: {first}." if first else "."
    return Explained(why_no_reasons=said, answered_first=first)


def _first(cache_key: str | None, row: LedgerRow, recent: Recent) -> str | None:
    found = None if cache_key is None else recent.first_answer(cache_key, tenant=row.tenant)
    return None if found is None or found.row.request_id == row.request_id else found.row.request_id


def _why_not(row: LedgerRow, settled: Settled | None, in_use: InUse) -> str | None:
    if row.reason == "pinned":
        return _PINNED
    if settled is None:
        return _FORGOTTEN
    if settled.sight is None:
        return _UNSCORED
    if settled.sight.artifact != in_use.digest:
        return f"{row.artifact} decided, which is not in use any more: what it made of the numbers cannot be told."
    return None
