"""``/cache/entries``: what the cache keeps, for whoever runs the server. A key sees and changes its own tenant's only.

All calls run in threads: looking through a hundred thousand entries takes a fifth of a second.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from litestar import Request, Response, delete, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta, Struct

from router.cache import EntryDetail, EntryList, Order, Selection
from router.cache.inventory import MAX_SOUGHT_CHARS
from router.http.auth import require_own_name
from router.http.query import read_query
from router.http.services import Services
from router.http.unkept import UNKEPT
from router.principals import Principal

Seconds = Annotated[float, Meta(ge=0)]


class Which(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query of ``DELETE /cache/entries``: what is given must hold of an entry; nothing given means all of them."""

    model: str | None = None
    older_than_s: Seconds | None = None

    def of(self, principal: Principal) -> Selection:
        """The same, among the caller's own."""
        return Selection(tenant=principal.tenant, model=self.model, older_than_s=self.older_than_s)


class Listing(Which, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query of ``GET /cache/entries``.

    ``questions``: whether to tell what was asked. ``q``: a text that the question has, capitals or not.
    """

    order: Order = "newest"
    limit: Annotated[int, Meta(ge=1, le=100_000)] = 50
    questions: bool = False
    q: Annotated[str, Meta(min_length=1, max_length=MAX_SOUGHT_CHARS)] | None = None


class Evicted(Struct, frozen=True, kw_only=True):
    """How many entries were let go of; the ``id`` where it was one by name."""

    evicted: int
    id: str | None = None


@get("/cache/entries", summary="List what the cache keeps", tags=["cache"])
async def list_entries(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[EntryList]:
    """Without questions and answers, unless ``questions=true`` asks for the former."""
    principal = services.doorman.admit(request.headers)
    require_own_name(principal, request.headers)
    query = read_query(request, Listing)
    found = await asyncio.to_thread(
        services.gateway.cache.administration.entries,
        query.of(principal),
        order=query.order,
        limit=query.limit,
        with_questions=query.questions,
        asking=query.q,
    )
    return Response(found, headers=UNKEPT)


@get("/cache/entries/{entry_id:str}", summary="Show one cached answer, and what it answers", tags=["cache"])
async def show_entry(
    request: Request[Any, Any, Any], services: NamedDependency[Services], entry_id: FromPath[str]
) -> Response[EntryDetail]:
    """By its id, or as much of it as means one entry alone; six characters at least."""
    principal = services.doorman.admit(request.headers)
    require_own_name(principal, request.headers)
    administration = services.gateway.cache.administration
    return Response(await asyncio.to_thread(administration.entry, entry_id, tenant=principal.tenant), headers=UNKEPT)


@delete("/cache/entries/{entry_id:str}", status_code=200, summary="Let go of one cached answer", tags=["cache"])
async def evict_entry(
    request: Request[Any, Any, Any], services: NamedDependency[Services], entry_id: FromPath[str]
) -> Evicted:
    """By its id, or as much of it as means one entry alone; six characters at least."""
    principal = services.doorman.admit(request.headers)
    administration = services.gateway.cache.administration
    return Evicted(evicted=1, id=await asyncio.to_thread(administration.evict, entry_id, tenant=principal.tenant))


@delete("/cache/entries", status_code=200, summary="Let go of cached answers", tags=["cache"])
async def evict_entries(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Evicted:
    """Of those that the query means; without a query, of all."""
    principal = services.doorman.admit(request.headers)
    which = read_query(request, Which).of(principal)
    return Evicted(evicted=await asyncio.to_thread(services.gateway.cache.administration.evict_all, which))
