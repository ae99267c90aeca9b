"""``GET /health``, ``GET /stats``, ``GET /cache/stats`` and ``GET /metrics``."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from msgspec import Struct

from router import __version__
from router.cache import CacheStats
from router.http.cache_metrics import cache_families
from router.http.services import Services
from router.ledger.reports import Stats
from router.metrics import CONTENT_TYPE, render
from router.upstream.base import State, Upstream


class UpstreamHealth(Struct, frozen=True, kw_only=True):
    """One upstream as people see it: never its URL or key."""

    model: str
    state: State


class Health(Struct, frozen=True, kw_only=True):
    """The server is alive; ``upstreams`` says what can answer by now. None where no model is configured.

    ``artifact_sha256`` tells apart artifacts of one name (``Manifest.digest``). ``artifact_pinned``: the server's own
    settings name its artifact, so that ``underdog artifacts use`` does not move it.
    """

    status: str
    version: str
    artifact: str
    artifact_sha256: str
    artifact_pinned: bool
    upstreams: dict[str, UpstreamHealth | None]


@get("/health", summary="Say that the server is alive", tags=["status"])
async def health(services: NamedDependency[Services]) -> Health:
    """Open to everybody, cheap, and 200 as soon as the server listens, even while a model warms up."""
    gateway = services.gateway
    upstreams = {"weak": _health(gateway.upstreams.weak), "strong": _health(gateway.upstreams.strong)}
    return Health(
        status="ok",
        version=__version__,
        artifact=gateway.in_use.artifact,
        artifact_sha256=gateway.in_use.digest,
        artifact_pinned=bool(services.settings.artifact),
        upstreams=upstreams,
    )


def _health(upstream: Upstream | None) -> UpstreamHealth | None:
    return None if upstream is None else UpstreamHealth(model=upstream.model, state=upstream.state)


@get("/stats", summary="Sum up what was routed, spent and saved", tags=["status"])
async def stats(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Stats:
    """The caller's own tenant only."""
    principal = services.doorman.admit(request.headers)
    return await services.gateway.ledger.stats(principal.tenant)


@get("/cache/stats", summary="Sum up what the cache holds and did", tags=["status"])
async def cache_stats(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> CacheStats:
    """Counters since the server started, and the error budget of the caller's tenant."""
    principal = services.doorman.admit(request.headers)
    cache = services.gateway.cache
    return msgspec.structs.replace(cache.stats(), budget=cache.judge.standing(principal.tenant))


@get("/metrics", summary="Count what was decided, and measure drift, for Prometheus", tags=["status"])
async def metrics(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[bytes]:
    """In Prometheus's text format, since the server started. Needs the key, as all that tells of traffic does."""
    services.doorman.admit(request.headers)
    gateway = services.gateway
    families = itertools.chain(gateway.metrics.families(), cache_families(gateway.cache.stats(), gateway.cache.judge))
    return Response(render(families).encode(), headers={"content-type": CONTENT_TYPE})
