"""``/console/api/requests``: the requests that there were, one of them in full, and what is thought of its answer."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta, Struct

from router.accounts.forms import Text
from router.errors import InvalidRequest, UnknownRequest
from router.http.body import read_body
from router.http.console.access import tuner, watcher
from router.http.console.detail import Detail, detail_of
from router.http.console.lines import RequestLine, line_of
from router.http.feedback import MAX_BODY_BYTES, Feedback
from router.http.query import read_query
from router.http.services import Services
from router.http.unkept import UNKEPT
from router.ledger.browse import Conditions
from router.principals import Principal
from router.types import Rating

_IDS = re.compile(r"[!-~]{1,200}")


class Listing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query of ``GET /console/api/requests``: what is given must hold. ``before``: the ``next`` of the page before."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    before: Annotated[int, Meta(ge=1, le=2**53)] | None = None
    route: Text | None = None
    reason: Text | None = None
    outcome: Text | None = None
    cache: Text | None = None
    model: Text | None = None
    tenant: Text | None = None
    id: Text | None = None

    @property
    def conditions(self) -> Conditions:
        """What must hold."""
        return Conditions(
            request_id=self.id,
            tenant=self.tenant,
            route=self.route,
            reason=self.reason,
            outcome=self.outcome,
            cache=self.cache,
            model=self.model,
        )


class RequestList(Struct, frozen=True, kw_only=True):
    """A page of requests, the newest first. ``next``: given as ``before``, the next page; None where there is none.

    A page may be short where few requests are wanted: the next one goes on from where this one looked.
    """

    requests: list[RequestLine]
    next: int | None


class Opinion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator thinks of an answer."""

    rating: Rating


@get("/console/api/requests", include_in_schema=False)
async def console_requests(
    request: Request[Any, Any, Any], services: NamedDependency[Services]
) -> Response[RequestList]:
    """From the ledger, for whoever may look."""
    watcher(services, request.headers)
    query = read_query(request, Listing)
    page = await services.gateway.ledger.page(query.conditions, limit=query.limit, before=query.before)
    lines = [line_of(kept.row, kept.rating) for kept in page.requests]
    return Response(RequestList(requests=lines, next=page.before), headers=UNKEPT)


@get("/console/api/requests/{request_id:str}", include_in_schema=False)
async def console_request(
    request: Request[Any, Any, Any], services: NamedDependency[Services], request_id: FromPath[str]
) -> Response[Detail]:
    """One of them in full, for whoever may look."""
    principal = watcher(services, request.headers)
    detail = await detail_of(services, request_id, principal) if _IDS.fullmatch(request_id) else None
    if detail is None:
        raise _unknown(request_id)
    return Response(detail, headers=UNKEPT)


@post("/console/api/requests/{request_id:str}/rating", status_code=200, include_in_schema=False)
async def console_rating(
    request: Request[Any, Any, Any], services: NamedDependency[Services], request_id: FromPath[str]
) -> Response[Feedback]:
    """Rates an answer in the name of whoever asked, with all that follows from it: see ``POST /v1/feedback``.

    For whoever may change something; of one's own requests, for whoever may look.
    """
    principal = watcher(services, request.headers)
    tenant = await _tenant_of(services, request_id) if _IDS.fullmatch(request_id) else None
    if tenant != principal.tenant:
        tuner(services, request.headers)
    body = await read_body(request, limit=MAX_BODY_BYTES, patience_s=services.settings.body_timeout_s)
    rating = _parse(body)
    if tenant is None or not await services.gateway.feedback.rate(Principal(tenant=tenant), request_id, rating):
        raise _unknown(request_id)
    return Response(Feedback(request_id=request_id, rating=rating), headers=UNKEPT)


async def _tenant_of(services: Services, request_id: str) -> str | None:
    found = await services.gateway.ledger.find([request_id])
    return found[request_id].row.tenant if found else None


def _parse(body: bytes) -> Rating:
    try:
        return msgspec.json.decode(body, type=Opinion).rating
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest('Send {"rating": "good"}, or "bad".', param="rating") from error


def _unknown(request_id: str) -> UnknownRequest:
    return UnknownRequest(
        f"There is no request '{request_id[:100]}' here. GET /console/api/requests lists those that there are.",
        param="request_id",
    )
