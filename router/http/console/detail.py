"""All that can be told of one request."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from router.errors import LedgerError
from router.http.console.lines import RequestLine, line_of
from router.http.console.reasons import Reasons, explained
from router.http.console.said import Said, read_said
from router.http.console.timeline import Moment, timeline
from router.http.services import Services
from router.ledger.browse import Kept
from router.ledger.usage import usd
from router.principals import Principal
from router.recent.nearest import Neighbour, nearest
from router.types import LedgerRow, Rating


class FullRequest(RequestLine, frozen=True, kw_only=True):
    """A request with what its line leaves out; fields as in the ledger."""

    artifact: str | None
    requested_model: str | None
    endpoint: str
    attempts: int
    provider: str | None
    finish_reason: str | None
    baseline_cost_usd: str | None
    uncertain_usd: str | None
    cached_tokens: int
    reasoning_tokens: int
    scored_tokens: int | None
    unfamiliarity: float | None


class NeighbourLine(Struct, frozen=True, kw_only=True):
    """A request of the same tenant that is like this one. ``similarity``: the cosine of their embeddings.

    ``prompt``: the beginning of what was asked, where it is kept.
    """

    request_id: str
    at: datetime
    similarity: float
    route: str | None
    model: str | None
    win_rate: float | None
    cost_usd: str | None
    outcome: str
    rating: Rating | None
    prompt: str | None


class Detail(Struct, frozen=True, kw_only=True):
    """One request: what became of it, why, when, and what is like it. See the parts for each."""

    request: FullRequest
    reasons: Reasons | None
    why_no_reasons: str | None
    answered_first: str | None
    neighbours: list[NeighbourLine]
    timeline: list[Moment]
    messages: list[dict[str, Any]] | None
    answer: str | None
    why_no_messages: str | None


NOT_THEIRS = "What was said with a caller's own key is shown to the master key alone."

_ADDED = [name for name in FullRequest.__struct_fields__ if name not in RequestLine.__struct_fields__]


async def detail_of(services: Services, request_id: str, reader: Principal) -> Detail | None:
    """What there is of a request, in memory and in the ledger; None where it is in neither.

    Args:
        services: the parts of the server.
        request_id: of the request.
        reader: who is told; what others said is not for everybody who may look.

    Raises:
        LedgerError: the ledger cannot be read, and the request is not in memory.
    """
    gateway = services.gateway
    settled = gateway.recent.find(request_id)
    near = await asyncio.to_thread(nearest, settled, gateway.recent.all()) if settled is not None else []
    others = [each.settled.row.request_id for each in near]
    kept: dict[str, Kept] = {}
    prompts: dict[str, str] = {}
    said = Said(why_no_messages="The ledger cannot be read just now.")
    try:
        kept = await gateway.ledger.find([request_id, *others])
        row = settled.row if settled is not None else kept[request_id].row if request_id in kept else None
        if row is None:
            return None
        said, prompts = await _said(services, row, others, reader)
    except LedgerError:
        if settled is None:
            raise
        row = settled.row
    why = explained(row, settled, gateway.recent, gateway.in_use)
    return Detail(
        request=_full(row, _rating(kept, request_id)),
        reasons=why.reasons,
        why_no_reasons=why.why_no_reasons,
        answered_first=why.answered_first,
        neighbours=[_neighbour(each, kept, prompts) for each in near],
        timeline=timeline(row, settled),
        messages=said.messages,
        answer=said.answer,
        why_no_messages=said.why_no_messages,
    )


async def _said(
    services: Services, row: LedgerRow, others: Sequence[str], reader: Principal
) -> tuple[Said, dict[str, str]]:
    """What was said, and the neighbours' prompts, as far as the reader may know it."""
    if row.tenant != reader.tenant and not reader.admin and services.settings.master_key is not None:
        return Said(why_no_messages=NOT_THEIRS), {}
    return await read_said(services, row.request_id, others)


def _full(row: LedgerRow, rating: Rating | None) -> FullRequest:
    line = line_of(row, rating)
    fields = {name: getattr(line, name) for name in RequestLine.__struct_fields__}
    added = {name: getattr(row, name) for name in _ADDED}
    amounts = {"baseline_cost_usd": usd(row.baseline_cost_usd), "uncertain_usd": usd(row.uncertain_usd)}
    return FullRequest(**fields | added | amounts)


def _neighbour(near: Neighbour, kept: dict[str, Kept], prompts: dict[str, str]) -> NeighbourLine:
    row = near.settled.row
    return NeighbourLine(
        request_id=row.request_id,
        at=row.at,
        similarity=near.similarity,
        route=row.route,
        model=row.model,
        win_rate=row.win_rate,
        cost_usd=usd(row.cost_usd),
        outcome=row.outcome,
        rating=_rating(kept, row.request_id),
        prompt=prompts.get(row.request_id),
    )


def _rating(kept: dict[str, Kept], request_id: str) -> Rating | None:
    return kept[request_id].rating if request_id in kept else None
