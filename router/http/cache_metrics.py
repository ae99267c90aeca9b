"""What ``GET /metrics`` tells of the cache."""

from __future__ import annotations

from collections.abc import Iterator

from router.cache import CacheStats, Judge
from router.metrics import Family


def cache_families(stats: CacheStats, judge: Judge) -> Iterator[Family]:
    """Every metric of a cache and of its error budget; none where it is off."""
    if not stats.enabled:
        return
    lookups = {"exact": stats.hits_exact, "semantic": stats.hits_semantic, "miss": stats.misses}
    yield Family(
        "underdog_cache_lookups_total",
        "Requests by what the cache had for them; `bypass` were not looked up.",
        "counter",
        [({"result": result}, count) for result, count in (lookups | {"bypass": stats.bypasses}).items()],
    )
    yield Family(
        "underdog_cache_departures_total",
        "Cached answers that left, by reason: to make room, expired, replaced, removed.",
        "counter",
        [({"reason": reason}, count) for reason, count in sorted(stats.departed.items())],
    )
    yield from _counters(stats)
    yield from _gauges(stats)
    yield from _budget(judge)


def _budget(judge: Judge) -> Iterator[Family]:
    # Tenants have no names here.
    shipped = judge.standing("")
    for name, about, value in (
        ("max_wrong", "Share of lookalike questions that may be answered wrongly.", shipped.max_wrong),
        ("wrong_limit", "Upper limit of that share by the verifier's evidence.", shipped.wrong_limit),
        ("evidence_traps", "Lookalike questions that the evidence rests on.", shipped.traps),
        ("threshold", "Verdict score from which rewordings are served.", judge.shipped),
        ("threshold_strictest", "The highest that reports have led to, of any tenant.", judge.strictest),
        ("reports", "Rewordings reported wrong that count now, of all tenants.", judge.reports),
    ):
        yield Family(f"underdog_cache_{name}", about, "gauge", [({}, value)])


def _counters(stats: CacheStats) -> Iterator[Family]:
    for name, about, value in (
        ("stored", "Answers that were kept.", stats.stored),
        ("unjudged", "Misses that had a candidate and found the verifier busy.", stats.unjudged),
        ("errors", "Failures of the cache, none of which reached a request.", stats.errors),
        ("saved_usd", "US dollars that hits saved, as far as prices are known.", stats.saved_usd),
    ):
        yield Family(f"underdog_cache_{name}_total", about, "counter", [({}, value)])


def _gauges(stats: CacheStats) -> Iterator[Family]:
    file = stats.file
    for name, about, value in (
        ("entries", "Answers that the cache holds.", stats.entries),
        ("bytes", "Bytes that they take in memory.", stats.bytes),
        ("persisted_entries", "Answers in the cache's file.", file.persisted),
        ("write_queue", "Changes that the cache's file does not have yet.", file.queue),
        ("file_ready", "1 where the cache's file is read and written, else 0.", float(file.state == "ready")),
    ):
        yield Family(f"underdog_cache_{name}", about, "gauge", [({}, value)])
