"""CPU that budgets take of each request, alone and through Redis. Run: ``python -m tests.bench.budget_cost``.

A request asks whether there is money, for its pace, holds and settles. Redis runs on the same machine; of its own time
nothing is counted here.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from router.budgets import Decided, KeptBudgets
from router.principals import Scope
from tests.bench.machine import machine
from tests.budgets.support import CURVE, SpentBefore, scope
from tests.services.redis_server import a_redis
from tests.shared.support import a_link

REQUESTS = 5000
ROUNDS = 5
CONCURRENCY = 64
COST = Decimal("0.0100375")

THREE = [scope(10**6, "server:here"), scope(10**6, "team:search"), scope(10**6)]


async def request(budgets: KeptBudgets, scopes: Sequence[Scope], number: int) -> None:
    """All that one request asks of budgets."""
    await budgets.require_unspent(scopes)
    budgets.pace(scopes, CURVE)
    held = await budgets.reserve(scopes, Decimal("0.01"), route="strong")
    held.settle(COST, Decided("strong", 0.7 + number % 20 / 100, 0.1))


async def measure(budgets: KeptBudgets, scopes: Sequence[Scope], concurrency: int) -> float:
    """Microseconds of CPU for one request, the least of several rounds."""
    await budgets.require_unspent(scopes)

    async def some(first: int) -> None:
        for number in range(first, REQUESTS, concurrency):
            await request(budgets, scopes, number)

    least = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        await asyncio.gather(*(some(first) for first in range(concurrency)))
        least = min(least, time.process_time() - started)
    return least / REQUESTS * 1e6


async def main() -> None:
    """Measure, and print."""
    print(machine())
    alone = KeptBudgets(spent=SpentBefore())
    for scopes in (THREE[2:], THREE):
        print(f"alone, {len(scopes)} budgets: {await measure(alone, scopes, 1):.1f} us")
    with tempfile.TemporaryDirectory() as folder:
        async with a_redis(Path(folder)) as redis, a_link(redis.url) as link:
            shared = KeptBudgets(spent=SpentBefore(), link=link)
            took = await measure(shared, THREE, CONCURRENCY)
            print(f"through Redis, 3 budgets, {CONCURRENCY} at once: {took:.1f} us")
            await shared.aclose()


if __name__ == "__main__":
    asyncio.run(main())
