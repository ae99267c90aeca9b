"""What the cache costs a live server, in CPU time per request. Run: ``python -m tests.bench.cache_server [--json]``.

Two servers in one run, in turns: one with the cache, one without. The same questions go to both and miss (the cache
keeps the answers), then the same again (exact hits), then their rewordings (semantic hits). Every answer is checked to
have come about as it should. Hits stand beside ``GET /health``, a request that asks for nothing: what is above it, they
cost. The weak model is a scripted server in this process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from router.upstream.scripted import ScriptedServer, Turn
from tests.bench.cache_lookup import ENOUGH, REPLY, body_of, question, reworded
from tests.bench.machine import machine
from tests.bench.server import CONCURRENCY, PATH, cpu_s
from tests.live import LiveServer, routed

REQUESTS = 2_000
TURNS = 8


async def cost_ms(server: LiveServer, texts: list[str], outcome: str | None) -> float:
    """CPU milliseconds of the server per request; no text asks ``/health``.

    Args:
        server: whom to ask.
        texts: one question each; an empty one stands for ``GET /health``.
        outcome: what ``x-router-cache`` has to say of nearly all; None asks for nothing.
    """
    waiting, outcomes = iter(texts), []

    async def caller(http: httpx.AsyncClient) -> None:
        for text in waiting:
            response = await (http.post(PATH, json=body_of(text)) if text else http.get("/health"))
            outcomes.append(response.raise_for_status().headers.get("x-router-cache"))

    used = cpu_s(server.process.pid)
    async with server.http() as http:
        await asyncio.gather(*(caller(http) for _ in range(CONCURRENCY)))
    used = cpu_s(server.process.pid) - used
    if outcome is not None and outcomes.count(outcome) < ENOUGH * len(texts):
        raise SystemExit(f"of {len(texts)} answers {outcomes.count(outcome)} were {outcome}: {dict(Counter(outcomes))}")
    return used / len(texts) * 1000


async def compare(on: LiveServer, off: LiveServer, requests: int) -> dict[str, Any]:
    """Ask both servers in turns; medians over the turns."""
    each = requests // TURNS

    def texts(turn: int, text: Callable[[int], str]) -> list[str]:
        return [text(number) for number in range(turn * each, (turn + 1) * each)]

    # Others than will be measured: the verifier sees through a friendly word.
    warm = [f"Warm up, please: {question(requests + number)}" for number in range(100)]
    await cost_ms(off, warm, None)
    await cost_ms(on, warm, "miss")
    kinds: dict[str, list[float]] = {"no cache": [], "miss": [], "exact": [], "semantic": [], "nothing": []}
    for turn in range(TURNS):
        kinds["no cache"].append(await cost_ms(off, texts(turn, question), None))
        kinds["miss"].append(await cost_ms(on, texts(turn, question), "miss"))
    for turn in range(TURNS):
        kinds["nothing"].append(await cost_ms(on, [""] * each, None))
        kinds["exact"].append(await cost_ms(on, texts(turn, question), "exact"))
        kinds["semantic"].append(await cost_ms(on, texts(turn, reworded), "semantic"))
    costs = {kind: statistics.median(taken) for kind, taken in kinds.items()}
    return {
        "entries": TURNS * each,
        "ms": costs,
        "miss, added": statistics.median(on - off for on, off in zip(kinds["miss"], kinds["no cache"], strict=True)),
        "exact hit, added": costs["exact"] - costs["nothing"],
        "semantic hit, added": costs["semantic"] - costs["nothing"],
    }


async def measure(requests: int) -> dict[str, Any]:
    """Start both servers and compare them."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        async with (
            ScriptedServer(model="weak-model", turns=[Turn(reply=REPLY)]) as weak,
            routed(Path(one), weak, None) as on,
            routed(Path(other), weak, None, "--no-cache") as off,
        ):
            return await compare(on, off, requests)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cache_server", description=__doc__)
    parser.add_argument("--requests", type=int, default=REQUESTS, help="questions of each kind")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    figures = asyncio.run(measure(options.requests))
    if options.json:
        print(json.dumps({"machine": machine(), **figures}))
        return
    print(machine())
    print(f"CPU of the server per request, {figures['entries']:,} entries")
    for kind, cost in figures["ms"].items():
        print(f"  {kind:<20} {cost:6.2f} ms")
    print(f"  a miss costs {figures['miss, added']:+.2f} ms beside no cache")
    print(f"  an exact hit costs {figures['exact hit, added']:.2f} ms beside a request for nothing")
    print(f"  a semantic hit costs {figures['semantic hit, added']:.2f} ms beside a request for nothing")


if __name__ == "__main__":
    main()
