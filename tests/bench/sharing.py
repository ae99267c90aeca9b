"""What it costs to be one of several servers. Run: ``python -m tests.bench.sharing [--entries N]``.

CPU of this process for a round trip to Redis, alone and with seven others; for a message told and for one taken in; for
a lease asked for and given back. Then a server that joins beside a stream of many answers: how long it reads, and how
long the event loop kept others waiting meanwhile, idle and with its cache's file. Needs redis-server.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvloop

from router.cache import CacheFile, NoFile, SemanticCache, elapsed_s
from router.cache.leases import Leases
from router.cache.replication import Reception, Replication
from router.serve import GC_THRESHOLDS
from router.shared.address import Address
from router.shared.sharing import Sharing
from router.sticky import InMemory, Stay
from router.sticky.shared_memory import SharedMemory
from tests.bench.cache_store import ENCODER, answer, perturbed, ticket
from tests.bench.machine import machine
from tests.services.redis_server import PROGRAMS, a_redis

ADD = "return redis.call('incrby', KEYS[1], ARGV[1])"
ROUNDS = 2_000
TICK_S = 0.001


@contextmanager
def measured(what: str, count: int) -> Any:
    """Print the CPU microseconds of this process for each of so many."""
    started = time.process_time()
    yield
    print(f"{what:<62} {(time.process_time() - started) / count * 1e6:8.0f} us")


def a_sharing(url: str) -> Sharing:
    """The way to others, with room for everything."""
    return Sharing(Address(url), prefix="bench", most_messages=10**6, most_bytes=2**33, kept_s=86_400)


async def until(condition: Callable[[], bool]) -> None:
    """Poll."""
    while not condition():
        await asyncio.sleep(0.002)


async def round_trips(url: str) -> None:
    """Requests as they come one at a time, and eight at once."""
    sharing = a_sharing(url)
    memory = SharedMemory(InMemory(time.monotonic), sharing, time.monotonic)
    leases = Leases(sharing, random.Random(1))
    leases.listen()
    await sharing.start()
    await until(lambda: sharing.link.up)

    async def repeat(step: Callable[[int], Awaitable[object]]) -> None:
        for number in range(ROUNDS):
            await step(number)

    async def eight(_: int) -> None:
        await asyncio.gather(*(sharing.link.run(ADD, ["n"], [1]) for _ in range(8)))

    async def lease(number: int) -> None:
        claim = await leases.claim(number.to_bytes(32, "big"), 1.0)
        assert claim is not None
        claim.release(abandoned=False)

    with measured("a round trip, alone", ROUNDS):
        await repeat(lambda _: sharing.link.run(ADD, ["n"], [1]))
    with measured("a round trip, one of eight at once", 8 * ROUNDS):
        await repeat(eight)
    with measured("a lease, asked for and given back", ROUNDS):
        await repeat(lease)
        await until(lambda: not len(sharing.outbox))
    stay = Stay("strong", "a-model", 1000, time.monotonic())
    with measured("a stay told, and read again by its own server", ROUNDS):
        for number in range(ROUNDS):
            memory.put(number.to_bytes(16, "big"), stay)
            await asyncio.sleep(0)
        await until(lambda: not len(sharing.outbox) and sharing.follower.lag_s == 0)
    await sharing.aclose()


async def told(url: str, count: int) -> None:
    """Fill the stream."""
    sharing = a_sharing(url)
    cache = SemanticCache(
        max_entries=2 * count, max_bytes=2**40, clock=elapsed_s, peers=Replication(sharing, elapsed_s)
    )
    await sharing.start()
    await until(lambda: sharing.link.up)
    encode = perturbed(count)
    tickets = [ticket(cache, f"What is the number {number} of all?") for number in range(count)]
    for each in tickets:
        each.vector = encode("")
    started = time.process_time()
    for number, each in enumerate(tickets):
        cache.store(each, answer(), encode)
        if number % 64 == 0:
            await until(lambda: len(sharing.outbox) < 128)
    await until(lambda: not len(sharing.outbox))
    print(f"{'an answer stored here and told':<62} {(time.process_time() - started) / count * 1e6:8.0f} us")
    size = await sharing.link.call("MEMORY", "USAGE", sharing.link.key("cache"))
    print(f"{'bytes of one in Redis':<62} {size / count:8.0f}")
    await sharing.aclose()


async def joining(url: str, count: int, file: Path | None) -> None:
    """Read it all, with an eye on the loop."""
    sharing = a_sharing(url)
    cache = SemanticCache(
        max_entries=2 * count,
        max_bytes=2**40,
        clock=elapsed_s,
        file=CacheFile(file, encoder=ENCODER) if file else NoFile(),
        peers=Replication(sharing, elapsed_s),
    )
    Reception(sharing, cache)
    cache.start()
    waits: list[float] = []

    async def watch() -> None:
        while True:
            due = time.perf_counter() + TICK_S
            await asyncio.sleep(TICK_S)
            waits.append(time.perf_counter() - due)

    # As the server does: what was there before is none of its business.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    watching = asyncio.create_task(watch())
    await asyncio.sleep(0.2)
    idle = sorted(waits)
    waits.clear()
    started, used = time.perf_counter(), time.process_time()
    await sharing.start()
    await until(lambda: cache.stats().entries == count)
    took, used = time.perf_counter() - started, time.process_time() - used
    watching.cancel()
    late = sorted(waits)
    print(
        f"joining beside {count:,} answers{' with a file' if file else '':<12} {took:.2f} s, "
        f"{used / count * 1e6:.0f} us of CPU each; the loop was late by {late[len(late) // 2] * 1000:.1f} ms (median), "
        f"{late[int(len(late) * 0.99)] * 1000:.1f} (99 %), {late[-1] * 1000:.1f} (most); "
        f"before, {idle[len(idle) // 2] * 1000:.1f} and {idle[-1] * 1000:.1f}"
    )
    await sharing.aclose()
    await asyncio.to_thread(cache.close)


async def measure(count: int) -> None:
    """All of it, on a Redis of its own."""
    with tempfile.TemporaryDirectory() as folder:
        async with a_redis(Path(folder)) as server:
            await round_trips(server.url_of(1))
            await told(server.url, count)
            await joining(server.url, count, None)
            await joining(server.url, count, Path(folder) / "cache.sqlite3")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sharing", description=__doc__)
    parser.add_argument("--entries", type=int, default=10_000, metavar="N")
    arguments = parser.parse_args()
    if not any(map(shutil.which, PROGRAMS)):
        print(f"none of {', '.join(PROGRAMS)} is installed: nothing is measured")
        return
    print(machine())
    uvloop.run(measure(arguments.entries))


if __name__ == "__main__":
    main()
