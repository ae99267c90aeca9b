"""Past requests with all that is needed to decide them once more, and to price them: read beside whoever writes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from router.database import Connection
from router.ledger.rows import MAX_TOKENS, micros, moment
from router.types import CacheOutcome, Route

Tokens = Annotated[int, Meta(ge=0, le=MAX_TOKENS)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Usd = Annotated[float, Meta(ge=0, le=1e12)]
"""Nothing that a file may say besides, such as NaN, is an amount."""


class PastRequest(Struct, frozen=True, kw_only=True):
    """One request as the ledger keeps it, and as its export tells of it; see ``LedgerRow``. Amounts in US dollars."""

    at: Annotated[datetime, Meta(tz=True)]
    endpoint: str
    route: Route | None
    model: str | None
    provider: str | None
    reason: str | None
    win_rate: Fraction | None
    unfamiliarity: float | None
    artifact: str | None
    cache: CacheOutcome | None
    outcome: str
    prompt_tokens: Tokens
    completion_tokens: Tokens
    reasoning_tokens: Tokens
    cost_usd: Usd | None
    baseline_cost_usd: Usd | None
    uncertain_usd: Usd | None


AMONG = 10_000
"""Newest requests whose answers tell how long answers are."""

ENOUGH = 20
"""Answers from which on their mean length is told."""

_FIELDS = PastRequest.__struct_fields__
_MONEY = ("cost_usd", "baseline_cost_usd", "uncertain_usd")  # text in the file

# Only names of our own are put into SQL; values are always bound.
_NEWEST = f"SELECT {', '.join(_FIELDS)} FROM requests WHERE at >= ? ORDER BY seq DESC LIMIT ?"  # noqa: S608

# Only constants of our own are put into SQL.
_LENGTHS = (
    "SELECT count(*), avg(completion_tokens) FROM requests "  # noqa: S608
    f"WHERE seq > (SELECT coalesce(max(seq), 0) - {AMONG} FROM requests) AND attempts > 0 AND outcome = 'ok' "
    "AND route = 'weak' AND completion_tokens > 0"
)


def mean_answer_tokens(connection: Connection) -> float | None:
    """The mean length of the weak model's newest answers, in tokens; None where there are fewer than ``ENOUGH``."""
    for n, mean in connection.execute(_LENGTHS, ()):
        return float(mean) if n >= ENOUGH else None
    return None


def read_decided(connection: Connection, *, limit: int, since: datetime | None = None) -> Iterator[PastRequest]:
    """The last ``limit`` requests of everybody, newest first; of those from ``since`` (aware) on, where it is given."""
    begin = 0 if since is None else micros(since)
    for values in connection.stream(_NEWEST, (begin, limit)):
        fields = dict(zip(_FIELDS, values, strict=True))
        fields |= {name: float(fields[name]) for name in _MONEY if fields[name] is not None}
        yield PastRequest(**{**fields, "at": moment(fields["at"])})
