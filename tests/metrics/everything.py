"""Every metric that ``GET /metrics`` may give: some are there only where there is Redis, or a budget, or a GPU."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable

from router.cache import CacheStats, Judge
from router.hardware.parts import Memory
from router.hardware.pressure import MemoryWatch, Seen
from router.http.budget_metrics import budget_families
from router.http.cache_metrics import cache_families
from router.http.ledger_metrics import ledger_families
from router.http.memory_metrics import memory_families
from router.http.operating_metrics import settings_families, trace_families
from router.http.process_metrics import build_families, process_families
from router.http.services import SettingsFile
from router.http.shared_metrics import shared_families
from router.http.upstream_metrics import upstream_families
from router.metrics import Family, Histograms, Metrics, Traffic, render
from router.room import Room
from router.scoring.reference import FEWEST, Distribution, Reference
from router.shared.status import SharedStatus
from router.types import Decision, Evidence, LedgerRow
from router.upstream.openai_compatible import OpenAICompatibleUpstream
from router.upstream.pool import Pool
from router.upstream.pool.build import Share, pool_of
from router.upstream.pool.resilience import Resilience


def exposition(rows: Iterable[LedgerRow]) -> str:
    """A scrape of a server that has everything, and answered these requests."""
    return asyncio.run(_exposition(rows))


async def _exposition(rows: Iterable[LedgerRow]) -> str:
    traffic, metrics = Traffic(), Metrics()
    for row in rows:
        traffic.settled(row)
    traffic.turned_away("invalid_api_key")
    like = Distribution(edges=[0.5], shares=[0.5, 0.5])
    metrics.watch("default/1", Reference(n=100, win_rate=like, tokens=like, unfamiliarity=like, unfamiliar_share=0.0))
    decision = Decision(
        route="weak",
        model="m",
        reason="win-rate",
        win_rate=0.2,
        threshold=0.5,
        artifact="default/1",
        evidence=Evidence(tokens=9, unfamiliarity=0.1),
    )
    for _ in range(FEWEST):
        metrics.decided(decision)
    metrics.fell_back(decision)
    families: Iterable[Family | Histograms] = itertools.chain(
        build_families("default/1"),
        traffic.families(),
        metrics.families(),
        upstream_families([_pool()]),
        cache_families(CacheStats(departed={"expired": 1}), Judge(0.01)),
        shared_families(SharedStatus(state="up", lag_s=0.1, received=1, skipped=0, published=1, dropped=0, waiting=0)),
        budget_families({"key": 1}),
        ledger_families(0),
        process_families(Room(10)),
        memory_families(_memory()),
        settings_families(SettingsFile(state="in use")),
        trace_families({"made": 2, "sent": 1, "failed": 1}),
    )
    return render(families)


def _pool() -> Pool:
    upstream = OpenAICompatibleUpstream(name='a "quoted" \\ name', base_url="http://127.0.0.1:9/v1", model="m")
    pool = pool_of("weak", [Share((upstream,))], Resilience())
    pool.members[0].failures["timeout"] += 1
    pool.retries["made"] += 1
    pool.hedges["won"] += 1
    return pool


def _memory() -> MemoryWatch:
    watch = MemoryWatch()
    watch.seen = Seen(Memory(total=1000, available=500))
    return watch
