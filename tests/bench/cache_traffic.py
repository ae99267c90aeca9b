"""What misses of ordinary traffic cost: ``python -m tests.bench.cache_traffic [--kept N] [--asked N] [--data DIR]``.

Questions of one tenant, in one partition: some are kept, then others are asked, of which the cache knows no answer.
Which of them have candidates, and how many, is as it comes: that is the mixture. The kept ones are Quora's; those that
are asked are, first, opening prompts of an arena and, second, more of Quora's, whose topics are the same. Two servers,
one without a cache, are asked in turns (`tests.bench.misses`). The weak model is a scripted server in this process.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from router.cache.fingerprint import MAX_TURN_CHARS
from router.cache.rewordings import MIN_SIMILARITY
from router.upstream.scripted import ScriptedServer, Turn
from tests.bench.cache_verdicts import READY_S, outcomes_of, ready
from tests.bench.machine import machine
from tests.bench.misses import Added, Asked, asked_in_turns
from tests.conftest import SHARED_DATA
from tests.live import LiveServer, routed

KEPT, ASKED = 10_000, 600
SEED = 7
WARM = 200


def quoras(data: Path) -> list[str]:
    """Questions of which no two are said to ask the same, in an order drawn at random."""
    with gzip.open(data / "qqp" / "pairs.jsonl.gz") as lines:
        rows = [msgspec.json.decode(line) for line in lines]
    known: set[str] = set()
    texts: list[str] = []
    for row in rows:
        if row["text_a"] not in known and row["text_b"] not in known:
            texts.append(row["text_a"])
        known |= {row["text_a"], row["text_b"]}
    random.Random(SEED).shuffle(texts)
    return texts


def arenas(data: Path) -> list[str]:
    """Opening prompts of conversations, short enough that a rewording could hit."""
    with gzip.open(data / "arena" / "votes_2023.jsonl.gz") as lines:
        turns = [msgspec.json.decode(line)["turns"] for line in lines]
    texts = dict.fromkeys(said[0] for said in turns if len(said) == 1 and len(said[0]) <= MAX_TURN_CHARS)
    return list(texts)


def body_of(text: str) -> dict[str, Any]:
    """A plain request."""
    return {"model": "auto", "messages": [{"role": "user", "content": text}]}


async def figures_of(on: LiveServer, off: LiveServer, texts: Sequence[str]) -> dict[str, Any]:
    """What misses on these texts cost, all of them, and those with and without a candidate."""
    asked = await asked_in_turns(on, off, [body_of(text) for text in texts])

    def near(each: Asked) -> bool:
        return each.similarity >= MIN_SIMILARITY

    return {
        "asked": len(asked),
        "served": sum(each.outcome != "miss" for each in asked),
        "with a candidate": sum(map(near, asked)),
        "all misses": Added.to(asked),
        "misses without a candidate": Added.to([each for each in asked if not near(each)]),
        "misses with a candidate": Added.to([each for each in asked if near(each)]),
    }


async def written(server: LiveServer) -> None:
    """Wait until the cache's file has all that is kept."""
    async with server.http() as http, asyncio.timeout(READY_S):
        while (await http.get("/cache/stats")).json()["file"]["queue"]:
            await asyncio.sleep(0.2)


async def measure(kept: int, asked: int, data: Path) -> dict[str, Any]:
    """Start both servers, keep, and ask."""
    questions, prompts = quoras(data), arenas(data)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        async with (
            ScriptedServer(model="weak-model", turns=[Turn(reply="It depends on the season.")]) as weak,
            routed(Path(one), weak, None) as on,
            routed(Path(other), weak, None, "--no-cache") as off,
        ):
            await ready(on)
            await outcomes_of(on, [body_of(text) for text in questions[:kept]])
            await outcomes_of(off, [body_of(text) for text in questions[:WARM]])
            await written(on)
            more = questions[kept:]
            await asked_in_turns(on, off, [body_of(text) for text in more[:WARM]])
            return {
                "arena": await figures_of(on, off, prompts[:asked]),
                "quora": await figures_of(on, off, more[WARM : WARM + asked]),
            }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cache_traffic", description=__doc__)
    parser.add_argument("--kept", type=int, default=KEPT, help="questions that are kept first")
    parser.add_argument("--asked", type=int, default=ASKED, help="questions of each kind that are asked then")
    parser.add_argument("--data", type=Path, default=SHARED_DATA, help="folder with qqp and arena; see data/README.md")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    figures = asyncio.run(measure(options.kept, options.asked, options.data))
    if options.json:
        print(json.dumps({"machine": machine(), "kept": options.kept, **figures}))
        return
    print(machine())
    print(f"{options.kept:,} questions kept; CPU that the cache adds to a miss")
    for name, row in figures.items():
        print(f"  {name}: {row['asked']} asked, {row['served']} served, {row['with a candidate']} with a candidate")
        for kind in ("all misses", "misses without a candidate", "misses with a candidate"):
            print(f"    {kind:<28} {row[kind]}")


if __name__ == "__main__":
    main()
