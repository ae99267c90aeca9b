"""One request in one line, as lists show it."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from router.ledger.usage import usd
from router.types import Cost, LedgerRow, Rating


class RequestLine(Struct, frozen=True, kw_only=True):
    """A request: fields as in the ledger, amounts exact US dollars as text; None where they are not known.

    ``rating``: None also where the request has only just ended.
    """

    request_id: str
    at: datetime
    tenant: str
    key_id: str | None
    team: str | None
    route: str | None
    model: str | None
    deployment: str | None
    reason: str | None
    rule: str | None
    win_rate: float | None
    threshold: float | None
    cache: str | None
    cache_similarity: float | None
    outcome: str
    status: int
    error_code: str | None
    stream: bool
    prompt_tokens: int
    completion_tokens: int
    cost_usd: str | None
    saved_usd: str | None
    latency_ms: float
    first_token_ms: float | None
    rating: Rating | None


_AS_THEY_ARE = [name for name in RequestLine.__struct_fields__ if name not in ("cost_usd", "saved_usd", "rating")]


def line_of(row: LedgerRow, rating: Rating | None = None) -> RequestLine:
    """The line of a request."""
    fields = {name: getattr(row, name) for name in _AS_THEY_ARE}
    saved = Cost(row.cost_usd, row.baseline_cost_usd).saved_usd
    return RequestLine(**fields, cost_usd=usd(row.cost_usd), saved_usd=usd(saved), rating=rating)
