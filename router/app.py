"""Composition root: the only place that picks concrete parts and joins them."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from router import __version__
from router.accounts import Accounts, Ring
from router.accounts.principal import server_scope
from router.admission import Admission
from router.artifacts.follow import follow
from router.artifacts.in_use import InUse, load_in_use
from router.artifacts.pointer import Pointer
from router.budgets import Decided, KeptBudgets, Observed
from router.cache import Cache, CacheFile, Judge, NoFile, NullCache, SemanticCache, elapsed_s
from router.cache.shipped import BackgroundVerifier, adopted, load_verifier
from router.database import open_database
from router.feedback import past_answers
from router.gateway import Gateway
from router.hardware.pressure import MemoryWatch
from router.http.admin import ADMIN_HANDLERS
from router.http.auth import Doorman
from router.http.cache_entries import evict_entries, evict_entry, list_entries, show_entry
from router.http.chat import chat_completions, route
from router.http.completions import completions
from router.http.console.assets import console_asset, console_page
from router.http.console.dial import console_dial, set_console_dial
from router.http.console.feed import Feed
from router.http.console.live import console_live
from router.http.console.requests import console_rating, console_request, console_requests
from router.http.console.session import console_session
from router.http.embeddings import embeddings
from router.http.errors import render_error
from router.http.feedback import feedback
from router.http.messages import count_tokens, messages
from router.http.models import get_model, list_models
from router.http.request_id import say_request_id
from router.http.responses import cancel_response, count_input_tokens, delete_response, get_response, responses
from router.http.services import Services, SettingsFile
from router.http.status import cache_stats, health, metrics, ready, stats
from router.http.usage import usage
from router.ledger.ledger import Ledger
from router.ledger.opening import open_ledger
from router.ledger.price_list import PriceList
from router.ledger.price_upkeep import keep_current
from router.ledger.prices import ModelRef
from router.limits import Limiter, LocalLimiter, SharedLimiter
from router.metrics import Metrics
from router.parts import wiring_of
from router.principals import Scope
from router.reload.reload import Reload, following_file
from router.replicas import Replicas, replicas_of
from router.settings import Settings, Sources, load_settings
from router.stamps import Stamp, stamp_of
from router.terms import Ways
from router.upstream.base import Upstream
from router.upstream.named import maker_of
from router.upstream.pool import models_of, runs_here

logger = logging.getLogger("underdog.artifacts")


def create_app(
    settings: Settings | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    sources: Sources | None = None,
) -> Litestar:
    """Build the server.

    Args:
        settings: read from flags, environment and file where None.
        environ: where provider keys are looked for; ``os.environ`` by default.
        sources: where the settings came from, whose file is followed; None follows none.

    Raises:
        SettingsError: the configuration cannot be used.
        ArtifactError: the classifier artifact cannot be used.
        LedgerError: the ledger cannot be opened.
        DatabaseError: the database of keys cannot be used.
    """
    settings = settings or load_settings()
    environ = os.environ if environ is None else environ
    pointer = Pointer(settings.home_path)
    stamp = pointer.stamp()
    file_stamp = stamp_of(sources.file) if sources is not None else None
    in_use = load_in_use(settings)
    replicas = replicas_of(settings)
    wiring = wiring_of(settings, environ, replicas.memory)
    ledger = open_ledger(settings)
    gateway = Gateway(
        in_use=in_use,
        upstreams=wiring.upstreams,
        cache=_cache(settings, ledger, replicas, encoder=in_use.scorer.manifest.encoder.sha256),
        ledger=ledger,
        metrics=Metrics(),
        fallbacks=wiring.fallbacks,
        ways=wiring.ways,
        single_flight=settings.cache_single_flight,
        elsewhere=replicas.elsewhere,
        keep_pairs=settings.cache_keep_pairs,
        embeddings=wiring.embeddings,
        embeddings_model=wiring.embeddings_model,
        private=wiring.private,
        max_concurrent=settings.max_concurrent_requests,
        admission=_admission(replicas, ledger),
    )
    replicas.join(gateway.cache, wiring.all)
    accounts, ring = _accounts(settings)
    doorman = Doorman(
        settings.api_key,
        master_key=settings.master_key,
        require_key=settings.require_key,
        keys=ring,
        server=server_scope(settings),
    )
    memory = MemoryWatch()
    services = Services(
        gateway=gateway, settings=settings, doorman=doorman, accounts=accounts, replicas=replicas, memory=memory
    )
    feed = Feed(services)
    reload = None
    if sources is not None:
        services.file = SettingsFile(state="in use")
        reload = Reload(sources, services, ring, lambda wiring: _look_up_prices(wiring.all, wiring.ways))
        services.reload = reload
    return Litestar(
        state=State({"gateway": gateway, "services": services}),
        route_handlers=[
            chat_completions,
            completions,
            embeddings,
            responses,
            count_input_tokens,
            get_response,
            delete_response,
            cancel_response,
            messages,
            count_tokens,
            route,
            feedback,
            list_models,
            get_model,
            health,
            ready,
            stats,
            usage,
            metrics,
            cache_stats,
            list_entries,
            show_entry,
            evict_entry,
            evict_entries,
            *ADMIN_HANDLERS,
            console_page,
            console_asset,
            console_session,
            console_live,
            console_requests,
            console_request,
            console_rating,
            console_dial,
            set_console_dial,
        ],
        dependencies={
            "services": Provide(lambda: services, sync_to_thread=False),
            "feed": Provide(lambda: feed, sync_to_thread=False),
        },
        before_send=[say_request_id],
        exception_handlers={Exception: render_error},
        lifespan=[
            lambda _app: _lifespan(gateway, settings, replicas),
            lambda _app: _following_keys(ring),
            lambda _app: _following(services, pointer, stamp),
            lambda _app: following_file(reload, file_stamp),
            lambda _app: _pricing(gateway, settings),
            lambda _app: _watching_memory(gateway, memory),
        ],
        # Bodies are bounded where they are read, so that an oversized one gets a ledger row too.
        request_max_body_size=None,
        openapi_config=OpenAPIConfig(
            title="Underdog", version=__version__, path="/openapi", render_plugins=[JsonRenderPlugin()]
        ),
        logging_config=None,
    )


def _cache(settings: Settings, ledger: Ledger, replicas: Replicas, *, encoder: str) -> Cache:
    if not settings.cache:
        return NullCache()
    return SemanticCache(
        ttl_s=settings.cache_ttl_s,
        max_entries=settings.cache_max_entries,
        max_bytes=int(settings.cache_max_mb * 1_000_000),
        max_temperature=settings.cache_max_temperature,
        semantic=settings.cache_semantic,
        judge=Judge(settings.cache_max_wrong, past=past_answers(ledger.reworded()), peers=replicas.peers),
        clock=elapsed_s,
        file=CacheFile(settings.cache_file, encoder=encoder) if settings.cache_file else NoFile(),
        peers=replicas.peers,
    )


def _admission(replicas: Replicas, ledger: Ledger) -> Admission:
    """Limits and budgets, counted with the other servers where there are any."""

    async def spent(scope: Scope, since: datetime) -> Decimal:
        return await ledger.spent(scope.kind, scope.id, since)

    async def recall(scope: Scope, since: datetime) -> list[Observed]:
        lately = await ledger.lately(scope.kind, scope.id, since)
        return [
            Observed(seen.at, seen.usd, Decided(seen.route, seen.win_rate, seen.threshold, seen.reason == "paced"))
            for seen in lately
        ]

    link = replicas.link
    limiter: Limiter = LocalLimiter() if link is None else SharedLimiter(link)
    return Admission(limiter=limiter, budgets=KeptBudgets(spent=spent, link=link, recall=recall))


@asynccontextmanager
async def _lifespan(gateway: Gateway, settings: Settings, replicas: Replicas) -> AsyncIterator[None]:
    """Start upstreams behind the listening server; let go of everything in the end."""
    for upstream in gateway.wiring.all:
        await upstream.start()
    gateway.cache.start()
    await replicas.start()
    await gateway.admission.start()
    warming = asyncio.create_task(_preload_prices(gateway))
    _start_verifier(gateway.cache, settings)
    try:
        yield
    finally:
        warming.cancel()
        await gateway.upstreams.aclose()
        if gateway.embeddings is not None:
            await gateway.embeddings.aclose()
        await gateway.admission.aclose()
        await replicas.aclose()
        await asyncio.to_thread(gateway.cache.close)
        await gateway.ledger.aclose()


def _accounts(settings: Settings) -> tuple[Accounts, Ring]:
    """Keys and teams to administer, and all keys at hand for the door."""
    database = open_database(settings, "accounts")
    ring = Ring(database, server=server_scope(settings))
    ring.open()
    return Accounts(database, changed=ring.refresh), ring


@asynccontextmanager
async def _following_keys(ring: Ring) -> AsyncIterator[None]:
    """Follow changes of keys that are made elsewhere."""
    ring.follow()
    try:
        yield
    finally:
        await asyncio.to_thread(ring.close)


@asynccontextmanager
async def _following(services: Services, pointer: Pointer, stamp: Stamp | None) -> AsyncIterator[None]:
    """Put in use what the operator chooses while the server runs, unless the settings pin an artifact."""
    settings = services.settings

    def put_in_use(chosen: InUse) -> None:
        # The dial by the settings of now: they may have changed meanwhile.
        services.gateway.put_in_use(InUse.of(chosen.scorer, services.settings))
        logger.info("artifact %s is in use from now on", chosen.artifact)

    following = None if settings.artifact else asyncio.create_task(follow(pointer, settings, stamp, put_in_use))
    try:
        yield
    finally:
        if following is not None:
            following.cancel()


@asynccontextmanager
async def _pricing(gateway: Gateway, settings: Settings) -> AsyncIterator[None]:
    """Take up price lists that are fetched while the server runs."""

    def take_up() -> None:
        gateway.prices.forget()
        maker_of.cache_clear()
        _look_up_prices(gateway.wiring.all, gateway.wiring.ways)

    upkeep = keep_current(
        PriceList(settings.home_path),
        # Where the cloud is out of reach, so are the makers of price lists.
        update=settings.prices_update and settings.privacy == "any",
        url=settings.prices_url,
        changed=take_up,
    )
    keeping = asyncio.create_task(upkeep)
    try:
        yield
    finally:
        keeping.cancel()


@asynccontextmanager
async def _watching_memory(gateway: Gateway, memory: MemoryWatch) -> AsyncIterator[None]:
    """Watch the memory of this machine, where a model runs on it."""
    watching = asyncio.create_task(memory.run()) if any(map(runs_here, gateway.wiring.all)) else None
    try:
        yield
    finally:
        if watching is not None:
            watching.cancel()


def _start_verifier(cache: Cache, settings: Settings) -> None:
    """Load the verifier behind the listening server; until it is there, rules alone judge rewordings."""
    if settings.cache and settings.cache_semantic and settings.cache_max_wrong > 0:
        folder = Path(settings.cache_verifier).expanduser() if settings.cache_verifier else None
        BackgroundVerifier(lambda: adopted(load_verifier(folder), cache.judge)).start()


async def _preload_prices(gateway: Gateway) -> None:
    """Import the price list, and what it says of windows, off the request path."""
    await asyncio.to_thread(_look_up_prices, gateway.wiring.all, gateway.wiring.ways)
    await asyncio.to_thread(gateway.admission.preload)
    await asyncio.to_thread(gateway.upstreams.named.preload)


def _look_up_prices(upstreams: list[Upstream], ways: Ways) -> None:
    ways.prices.preload(ModelRef(upstream.provider, upstream.model) for upstream in upstreams)
    ways.catalogue.preload(model for upstream in upstreams for model in models_of(upstream))
