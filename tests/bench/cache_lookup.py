"""What the cache costs, in CPU time and bytes. Run: ``python -m tests.bench.cache_lookup [--entries N ...] [--json]``.

For each size: a ticket (keys of the request), an exact hit, a semantic hit and a miss (both with the time of encoder
and verifier), a store. All entries are in one partition, the dearest case for the index. Questions have about 16 tokens
and are put together from words, so that many differ by one word. Then: one streamed chunk folded, one answer replayed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from router.cache import SemanticCache, StreamFold, replay
from router.scoring.scorer import Scorer
from router.types import CachedAnswer, ChatRequest, Usage
from tests.bench.machine import machine
from tests.bench.server import resident_mb

SIZES = (1_000, 10_000, 100_000)
ROUNDS = 300
MAX_BYTES = 2**40
ENOUGH = 0.95
"""Share of lookups that must end as expected: cells miss one neighbour in some hundred."""

SLOTS = (
    "repair paint clean move sell store insure weigh photograph decorate varnish measure".split(),
    "wooden copper leather marble paper silver plastic velvet woollen granite ceramic rubber".split(),
    "chair boat guitar piano statue lamp carpet violin helmet clock mirror saddle globe basket drum ladder".split(),
    "neighbour teacher museum grandmother tourist collector student landlord farmer surgeon".split(),
    "Norway Sweden Brazil Peru Kenya Spain Japan Italy Texas Greece Poland Canada Egypt Chile Nepal Fiji".split(),
)
REPLY = "It depends on the season, on where you start, and on how much time you have. " * 6


def question(number: int) -> str:
    """One of many questions of about 16 tokens, no two with the same answer."""
    words = []
    for slot in SLOTS:
        number, place = divmod(number, len(slot))
        words.append(slot[place])
    verb, material, thing, person, country = words
    return f"How do I {verb} an old {material} {thing} for a {person} during a visit to {country}?"


def reworded(number: int) -> str:
    """The same question in other words."""
    return question(number).replace("How do I", "How can I")


def body_of(text: str) -> dict[str, Any]:
    """A plain request."""
    return {"model": "auto", "messages": [{"role": "user", "content": text}]}


def answer() -> CachedAnswer:
    """An answer of about a hundred tokens."""
    message = {"role": "assistant", "content": REPLY}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    whole = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return CachedAnswer(body=msgspec.Raw(msgspec.json.encode(whole)), route="weak", model="m", usage=Usage())


def cpu_us(work: Callable[[int], object], rounds: int = ROUNDS) -> dict[str, float]:
    """CPU microseconds of one call, all threads: median and 99th percentile over rounds."""
    taken = []
    for number in range(rounds):
        started = time.process_time_ns()
        work(number)
        taken.append((time.process_time_ns() - started) / 1000)
    return {"p50_us": statistics.median(taken), "p99_us": statistics.quantiles(taken, n=100)[-1]}


def measure_lookups(size: int, scorer: Scorer) -> dict[str, Any]:
    """One cache of ``size`` entries, all in one partition."""
    cache = SemanticCache(max_entries=size + ROUNDS, max_bytes=MAX_BYTES)
    kept = answer()
    ended: Counter[tuple[str | None, bool]] = Counter()

    def ticket(text: str) -> Any:
        body = body_of(text)
        return cache.ticket(tenant="t", policy="p", request=msgspec.convert(body, ChatRequest), body=body)

    def expect(kind: str | None, text: str) -> None:
        hit = cache.lookup(ticket(text), scorer.encode)
        ended[kind, (hit.kind if hit else None) == kind] += 1

    resident = resident_mb(os.getpid())
    for number in range(size):
        cache.store(ticket(question(number)), kept, scorer.encode)
    cache._index.wait()
    resident = resident_mb(os.getpid()) - resident
    figures = {
        "entries": size,
        "bytes_per_entry": cache.stats().bytes / size,
        "resident_bytes_per_entry": resident * 2**20 / size,
        "ticket": cpu_us(lambda number: ticket(question(number))),
        "exact hit": cpu_us(lambda number: expect("exact", question(number))),
        "semantic hit": cpu_us(lambda number: expect("semantic", reworded(number))),
        "miss": cpu_us(lambda number: expect(None, question(size + number))),
        "encoding alone": cpu_us(lambda number: scorer.encode(question(number))),
        "store": cpu_us(lambda number: cache.store(ticket(question(size + number)), kept, scorer.encode)),
    }
    for kind in ("exact", "semantic", None):
        if ended[kind, True] < ENOUGH * ROUNDS:
            raise SystemExit(f"{ended[kind, False]} of {ROUNDS} lookups did not end as {kind or 'a miss'}")
    return figures


def measure_streams() -> dict[str, dict[str, float]]:
    """One answer replayed, and its chunks folded again."""
    raw = answer().body
    chunks = list(replay(raw, include_usage=True))

    def fold(_: int) -> None:
        stream = StreamFold()
        for chunk in chunks:
            stream.add(chunk)

    def fold_whole(_: int) -> None:
        stream = StreamFold()
        for chunk in chunks:
            stream.add(chunk)
        stream.body()

    per_chunk = {name: value / len(chunks) for name, value in cpu_us(fold).items()}
    per_whole = {name: value / len(chunks) for name, value in cpu_us(fold_whole).items()}
    return {
        "fold, per chunk": per_chunk,
        "fold and whole body, per chunk": per_whole,
        "replay of an answer": cpu_us(lambda _: list(replay(raw, include_usage=True))),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cache_lookup", description=__doc__)
    parser.add_argument("--entries", type=int, nargs="+", default=SIZES, help="sizes of the cache")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    scorer = Scorer.load()
    sizes = [measure_lookups(size, scorer) for size in options.entries]
    streams = measure_streams()
    if options.json:
        print(json.dumps({"machine": machine(), "sizes": sizes, "streams": streams}))
        return
    print(machine())
    for figures in sizes:
        print(
            f"{figures['entries']:,} entries, {figures['bytes_per_entry']:,.0f} bytes each by its own count, "
            f"{figures['resident_bytes_per_entry']:,.0f} resident"
        )
        _print({name: value for name, value in figures.items() if isinstance(value, dict)})
    print("streams")
    _print(streams)


def _print(rows: dict[str, dict[str, float]]) -> None:
    for name, value in rows.items():
        print(f"  {name:<32} p50 {value['p50_us']:8.1f} us   p99 {value['p99_us']:8.1f} us of CPU")


if __name__ == "__main__":
    main()
