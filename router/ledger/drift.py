"""Has traffic changed? The ledger's requests against the artifact's own prompts, and against earlier traffic.

An artifact's prompts are nobody's traffic, so that a shift from them is there from the first day: it says how far the
artifact's figures may be trusted. A shift from earlier traffic says that something has changed since.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from router.database import Database
from router.ledger.reading import reading
from router.ledger.rows import micros
from router.scoring.curve import Curve
from router.scoring.familiarity import UNFAMILIAR_ABOVE
from router.scoring.reference import Distribution, Reference, Shift, Verdict, share_shift, shift
from router.types import DUE_REASONS

MARGIN = 0.05
"""Shares that differ by less than this are not called shifted, however many requests say so."""

EARLIER = "earlier requests"
PROMPTS = "the artifact's prompts"
CURVE = "the artifact's curve"
"""What a share is held against, as ``Share.expected_from`` says it."""

_QUANTITIES = {"win_rate": "win rate", "tokens": "tokens", "unfamiliarity": "unfamiliarity"}
_SELECT = (
    "SELECT win_rate, scored_tokens, unfamiliarity, route, reason, threshold, cache FROM requests "
    "WHERE artifact = ? AND at >= ? AND at < ? AND scored_tokens IS NOT NULL "
    "AND (CAST(? AS TEXT) IS NULL OR tenant = ?) ORDER BY seq"
)


class Scored(Struct, frozen=True):
    """What the ledger keeps of one decision."""

    win_rate: float
    tokens: int
    unfamiliarity: float | None
    route: str | None
    reason: str | None
    threshold: float | None
    cache: str | None


class Comparison(Struct, frozen=True, kw_only=True):
    """One quantity of the recent requests: how far it is from the artifact's own prompts and from earlier requests."""

    quantity: str
    against_artifact: Shift
    against_earlier: Shift


class Share(Struct, frozen=True, kw_only=True):
    """A share of the recent requests, 0..1, beside what was expected; None where no request can tell.

    ``expected_n``: how many requests or prompts the expected share was taken from; None where the curve gives it.
    """

    quantity: str
    n: int
    share: float | None
    expected: float | None
    expected_n: int | None
    expected_from: str
    verdict: Verdict


class Drift(Struct, frozen=True, kw_only=True):
    """What ``underdog drift`` tells. ``days``: length of the recent period, and of the earlier one before it."""

    artifact: str
    days: float
    tenant: str | None
    until: datetime
    recent_requests: int
    earlier_requests: int
    distributions: list[Comparison]
    shares: list[Share]

    @property
    def changed(self) -> list[str]:
        """What has shifted from earlier requests."""
        found = [row.quantity for row in self.distributions if row.against_earlier.verdict == "shifted"]
        return found + [row.quantity for row in self.shares if row.expected_from == EARLIER and _has_shifted(row)]

    @property
    def differs(self) -> list[str]:
        """What is unlike the artifact's own prompts, or unlike what its curve expects."""
        found = [row.quantity for row in self.distributions if row.against_artifact.verdict == "shifted"]
        return found + [row.quantity for row in self.shares if row.expected_from != EARLIER and _has_shifted(row)]


def read_drift(
    database: Database,
    *,
    artifact: str,
    reference: Reference,
    curve: Curve,
    days: float,
    until: datetime,
    tenant: str | None = None,
) -> Drift:
    """Compare the requests of the last ``days`` before ``until``; a server may be writing meanwhile.

    Args:
        database: the ledger.
        artifact: only requests that this artifact decided: the scores of another say something else.
        reference: what its own prompts look like.
        curve: what share it expects each threshold to send to the strong model.
        days: length of either period.
        until: end of the recent period, aware.
        tenant: whose requests; None for everybody's.

    Raises:
        LedgerError: there is no such ledger, its schema is not the newest, or it cannot be read.
    """
    begin = until - timedelta(days=days)
    recent = _read(database, artifact, begin, until, tenant)
    earlier = _read(database, artifact, begin - timedelta(days=days), begin, tenant)
    now, before = _unfamiliar(recent), _unfamiliar(earlier)
    return Drift(
        artifact=artifact,
        days=days,
        tenant=tenant,
        until=until,
        recent_requests=len(recent),
        earlier_requests=len(earlier),
        distributions=[_compared(name, reference, recent, earlier) for name in _QUANTITIES],
        shares=[
            _share("unfamiliar share", now, expected=reference.unfamiliar_share, expected_n=reference.n, by=PROMPTS),
            _share("unfamiliar share", now, expected=before.share, expected_n=before.n, by=EARLIER),
            _strong(recent, curve),
        ],
    )


def _read(database: Database, artifact: str, begin: datetime, end: datetime, tenant: str | None) -> list[Scored]:
    with reading(database) as connection:
        found = connection.execute(_SELECT, (artifact, micros(begin), micros(end), tenant, tenant))
        return [Scored(*values) for values in found if values[0] is not None]


def _compared(name: str, reference: Reference, recent: Sequence[Scored], earlier: Sequence[Scored]) -> Comparison:
    distribution: Distribution = getattr(reference, name)
    now = distribution.counts(_values(name, recent))
    before = distribution.counts(_values(name, earlier))
    total = sum(before)
    return Comparison(
        quantity=_QUANTITIES[name],
        against_artifact=shift(now, distribution.shares, expected_n=reference.n),
        against_earlier=shift(now, [count / max(total, 1) for count in before], expected_n=total),
    )


def _values(name: str, rows: Sequence[Scored]) -> list[float]:
    return [value for row in rows if (value := getattr(row, name)) is not None]


class _Tally(Struct, frozen=True):
    # How many of ``n`` requests count.
    hits: int
    n: int

    @property
    def share(self) -> float | None:
        return self.hits / self.n if self.n else None


def _unfamiliar(rows: Sequence[Scored]) -> _Tally:
    known = _values("unfamiliarity", rows)
    return _Tally(sum(value > UNFAMILIAR_ABOVE for value in known), len(known))


def _strong(recent: Sequence[Scored], curve: Curve) -> Share:
    """The share sent to the strong model against what the curve expects of the thresholds in use.

    Pinned requests do not count, nor those that the semantic cache answered: their route is that of an earlier request.
    """
    decided = [
        row for row in recent if row.reason in DUE_REASONS and row.threshold is not None and row.cache != "semantic"
    ]
    due = [curve.strong_share_at(row.threshold) for row in decided if row.threshold is not None]
    expected = sum(due) / len(due) if due else None
    tally = _Tally(sum(row.route == "strong" for row in decided), len(decided))
    return _share("strong share", tally, expected=expected, expected_n=None, by=CURVE)


def _share(quantity: str, tally: _Tally, *, expected: float | None, expected_n: int | None, by: str) -> Share:
    verdict: Verdict = "not enough requests"
    if expected is not None:
        verdict = share_shift(tally.hits, tally.n, expected, expected_n=expected_n, margin=MARGIN)
    return Share(
        quantity=quantity,
        n=tally.n,
        share=tally.share,
        expected=expected,
        expected_n=expected_n,
        expected_from=by,
        verdict=verdict,
    )


def _has_shifted(share: Share) -> bool:
    return share.verdict == "shifted"
