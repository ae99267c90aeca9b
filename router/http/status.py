"""``GET /health``, ``GET /ready``, ``GET /stats``, ``GET /cache/stats`` and ``GET /metrics``."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any, Literal

import msgspec
from litestar import HttpMethod, Request, Response, get, route
from litestar.di import NamedDependency
from msgspec import Struct

from router import __version__
from router.accounts.forms import Text
from router.gateway import Gateway
from router.http.auth import require_admin, require_operator
from router.http.budget_metrics import budget_families
from router.http.cache_metrics import cache_families
from router.http.ledger_metrics import ledger_families
from router.http.memory_metrics import memory_families
from router.http.operating_metrics import settings_families, trace_families
from router.http.process_metrics import build_families, process_families
from router.http.query import read_query
from router.http.rigrun import CacheStatsAnswer, StatsAnswer, cache_answer, stats_answer
from router.http.services import Services, SettingsFile
from router.http.shared_metrics import shared_families
from router.http.upstream_metrics import upstream_families
from router.ledger.baseline import lengths_of
from router.ledger.usage import Terms
from router.metrics import CONTENT_TYPE, render
from router.upstream.base import State, Upstream
from router.upstream.pool import Condition, Pool


class UpstreamHealth(Struct, frozen=True, kw_only=True):
    """One route's upstream as people see it: never its URL or key.

    ``deployments``: how each fares; one entry for each key, where a deployment has several.
    """

    model: str
    state: State
    deployments: list[Condition]


class Health(Struct, frozen=True, kw_only=True):
    """The server is alive; ``upstreams`` says what can answer by now. None where no model is configured.

    ``artifact_sha256`` tells apart artifacts of one name (``Manifest.digest``). ``artifact_pinned``: the server's own
    settings name its artifact, so that ``underdog artifacts use`` does not move it. ``shared``: whether Redis is there,
    by which servers share what they know; None where this one is alone. ``memory``: whether that of this machine is
    tight; None where no model runs on it. ``settings``: how the settings' file fares that is followed.
    """

    status: str
    version: str
    artifact: str
    artifact_sha256: str
    artifact_pinned: bool
    upstreams: dict[str, UpstreamHealth | None]
    shared: Literal["up", "away"] | None = None
    memory: Literal["ok", "tight"] | None = None
    settings: SettingsFile | None = None


_LOOKED_AT = (HttpMethod.GET, HttpMethod.HEAD)
"""Uptime monitors look with HEAD; the server leaves the body out."""


@route("/health", http_method=_LOOKED_AT, summary="Say that the server is alive", tags=["status"])
async def health(services: NamedDependency[Services]) -> Health:
    """Open to everybody, cheap, and 200 as soon as the server listens, even while a model warms up."""
    return health_of(services)


def health_of(services: Services) -> Health:
    """How the server fares just now."""
    gateway = services.gateway
    upstreams: dict[str, UpstreamHealth | None] = {"weak": None, "strong": None}
    upstreams |= {upstream.name: _health(upstream) for upstream in _all(gateway)}
    sharing = services.replicas.status()
    return Health(
        status="ok",
        version=__version__,
        artifact=gateway.in_use.artifact,
        artifact_sha256=gateway.in_use.digest,
        artifact_pinned=bool(services.settings.artifact),
        upstreams=upstreams,
        shared=sharing.state if sharing is not None else None,
        memory=services.memory.state,
        settings=services.file,
    )


def _all(gateway: Gateway) -> list[Upstream]:
    """The upstreams behind the routes, of named models and of embeddings."""
    return gateway.upstreams.configured + ([gateway.embeddings] if gateway.embeddings is not None else [])


def _health(upstream: Upstream) -> UpstreamHealth:
    deployments = upstream.conditions if isinstance(upstream, Pool) else []
    return UpstreamHealth(model=upstream.model, state=upstream.state, deployments=deployments)


class Readiness(Struct, frozen=True, kw_only=True):
    """Whether requests should be sent here; ``reasons`` say why not."""

    ready: bool
    reasons: list[str]


@route("/ready", http_method=_LOOKED_AT, summary="Say whether the server can answer requests", tags=["status"])
async def ready(services: NamedDependency[Services]) -> Response[Readiness]:
    """For load balancers, open to everybody: 200, or 503 with the reasons.

    An artifact that does not replay its golden rows stops the start, so that a server which answers here has replayed
    them. An upstream that was never asked counts where somebody listens at its address.
    """
    reasons = ["stopping: the server was told to stop"] if services.gateway.draining else []
    upstreams = services.gateway.upstreams.configured
    # Together: a load balancer waits a second or two.
    if not any(await asyncio.gather(*(_reachable(upstream) for upstream in upstreams))):
        names = ", ".join(upstream.name for upstream in upstreams) or "none is configured"
        reasons.append(f"no upstream can be asked: {names}")
    return Response(Readiness(ready=not reasons, reasons=reasons), status_code=503 if reasons else 200)


async def _reachable(upstream: Upstream) -> bool:
    return await upstream.reachable() if isinstance(upstream, Pool) else upstream.state != "failed"


class WhichTenant(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query of ``GET /stats``."""

    tenant: Text | None = None


@get("/stats", summary="Sum up what was routed, spent and saved", tags=["status"])
async def stats(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> StatsAnswer:
    """The caller's own tenant only; the master key sees all, or with ``?tenant=team:ID`` (or ``key:ID``) that one."""
    principal = services.doorman.admit(request.headers)
    tenant = read_query(request, WhichTenant).tenant or (None if principal.admin else principal.tenant)
    if tenant != principal.tenant:
        require_admin(principal)
    ledger, lengths = services.gateway.ledger, lengths_of(services.settings.baseline_lengths)
    return await stats_answer(await ledger.stats(tenant, lengths), ledger, Terms(lengths), started=services.started)


@get("/cache/stats", summary="Sum up what the cache holds and did", tags=["status"])
async def cache_stats(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> CacheStatsAnswer:
    """Counters since the server started, of all tenants together: for who runs it. The error budget is their own."""
    principal = services.doorman.admit(request.headers)
    require_operator(principal)
    cache = services.gateway.cache
    stats = msgspec.structs.replace(cache.stats(), budget=cache.judge.standing(principal.tenant))
    return cache_answer(stats, ttl_s=services.settings.cache_ttl_s)


@get("/metrics", summary="Count what was decided, and measure drift, for Prometheus", tags=["status"])
async def metrics(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[bytes]:
    """In Prometheus's text format, since the server started, of all tenants together: for who runs it.

    A closed server shows them to its master key and its ``api_key``.
    """
    require_operator(services.doorman.admit(request.headers))
    gateway = services.gateway
    families = itertools.chain(
        build_families(gateway.in_use.artifact),
        gateway.traffic.families(),
        gateway.metrics.families(),
        upstream_families(_all(gateway)),
        cache_families(gateway.cache.stats(), gateway.cache.judge),
        shared_families(services.replicas.status()),
        budget_families(gateway.admission.refused),
        ledger_families(gateway.ledger.waiting),
        process_families(gateway.room),
        memory_families(services.memory),
        settings_families(services.file),
        trace_families(gateway.tracing.counts()),
    )
    return Response(render(families).encode(), headers={"content-type": CONTENT_TYPE})
