"""What a live server's cache serves of judged pairs, and what it costs where it does not. Run:
``python -m tests.bench.cache_verdicts [--pairs FILE ...] [--json]``.

Two servers in one run, one with the cache, one without. The first request of every pair is asked and kept, then the
second; ``user`` differs from pair to pair, so that each stands alone and a trap can only get the one wrong answer. What
a miss costs is the CPU of the server beside that of the other (`tests.bench.misses`): of first requests, which find
no candidate, and of traps, which nearly all find one. The weak model is a scripted server in this process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import httpx

from router.cache.rewordings import MIN_SIMILARITY
from router.upstream.scripted import ScriptedServer, Turn
from tests.bench.machine import machine
from tests.bench.misses import Added, asked_in_turns
from tests.bench.server import CONCURRENCY, PATH
from tests.live import LiveServer, routed

HELD_OUT = Path(__file__).resolve().parents[1] / "cache" / "held_out"
FILES = (HELD_OUT / "questions.jsonl", HELD_OUT / "conversations.jsonl")
READY_S = 60.0

JUDGED_AT_ONCE = 1
"""Should-hits that are asked at the same time: of more, some would pass the verifier by because others wait."""

Bodies = list[dict[str, Any]]


def body_of(pair: int, asked: Any) -> dict[str, Any]:
    """One side of a pair as a request."""
    messages = [{"role": "user", "content": asked}] if isinstance(asked, str) else asked
    return {"model": "auto", "user": f"pair-{pair}", "messages": messages}


async def outcomes_of(server: LiveServer, bodies: Bodies, *, callers: int = CONCURRENCY) -> list[str]:
    """``x-router-cache`` of each answer, in order."""
    outcomes = [""] * len(bodies)
    waiting = iter(enumerate(bodies))

    async def caller(http: httpx.AsyncClient) -> None:
        for place, body in waiting:
            response = await http.post(PATH, json=body)
            outcomes[place] = response.raise_for_status().headers.get("x-router-cache", "")

    async with server.http() as http:
        await asyncio.gather(*(caller(http) for _ in range(callers)))
    return outcomes


async def ready(server: LiveServer) -> str:
    """Wait for the learned verifier, and give its name."""
    async with server.http() as http, asyncio.timeout(READY_S):
        while (name := (await http.get("/cache/stats")).json()["budget"]["verifier"]) == "rules":
            await asyncio.sleep(0.2)
    return str(name)


async def compare(on: LiveServer, off: LiveServer, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Ask both servers for all pairs of a file."""
    kept = [body_of(number, row["a"]) for number, row in enumerate(rows)]
    hits = [body_of(number, row["b"]) for number, row in enumerate(rows) if row["same_answer"]]
    traps = [body_of(number, row["b"]) for number, row in enumerate(rows) if not row["same_answer"]]
    first = await asked_in_turns(on, off, kept)
    served = await outcomes_of(on, hits, callers=JUDGED_AT_ONCE)
    second = await asked_in_turns(on, off, traps)
    return {
        "should_hits": len(hits),
        "served": len(hits) - served.count("miss"),
        "traps": len(traps),
        "wrong": len(traps) - sum(each.outcome == "miss" for each in second),
        "miss_without_candidate": Added.to(first),
        "miss_with_candidate": Added.to([each for each in second if each.similarity >= MIN_SIMILARITY]),
    }


async def measure(files: list[Path]) -> dict[str, Any]:
    """Start both servers and compare them, file by file."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        async with (
            ScriptedServer(model="weak-model", turns=[Turn(reply="It depends on the season.")]) as weak,
            routed(Path(one), weak, None) as on,
            routed(Path(other), weak, None, "--no-cache") as off,
        ):
            figures: dict[str, Any] = {"verifier": await ready(on)}
            warm = [body_of(-number, f"Warm up {number}, please.") for number in range(1, 200)]
            # The second half finds the first: the verifier is warm, too.
            warm += [body_of(-number, f"Warm up number {number}, please!") for number in range(1, 200)]
            await outcomes_of(off, warm)
            await outcomes_of(on, warm)
            for path in files:
                rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
                figures[f"{path.parent.name}/{path.stem}"] = await compare(on, off, rows)
            return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cache_verdicts", description=__doc__)
    parser.add_argument("--pairs", type=Path, nargs="+", default=list(FILES), help="JSON lines of a, b, same_answer")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    figures = asyncio.run(measure(options.pairs))
    if options.json:
        print(json.dumps({"machine": machine(), **figures}))
        return
    print(machine())
    print(f"{figures.pop('verifier')}, through a live server; CPU that the cache adds to a miss")
    for name, row in figures.items():
        served, wrong = row["served"] / row["should_hits"], row["wrong"] / row["traps"]
        print(
            f"  {name:<24} {row['served']:4} of {row['should_hits']:4} should-hits ({served:.1%}),"
            f" {row['wrong']:2} of {row['traps']:4} traps ({wrong:.2%})\n"
            f"    without a candidate {row['miss_without_candidate']}\n"
            f"    with a candidate    {row['miss_with_candidate']}"
        )


if __name__ == "__main__":
    main()
