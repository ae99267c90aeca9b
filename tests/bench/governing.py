"""What keys, limits, budgets and the ledger cost a request: ``python -m tests.bench governing``.

CPU per request, both threads of the ledger included, with 600 keys in a SQLite file. Each request passes the door by a
key of a team, is held to two limits and a place of its key and of its team and to a budget of each, and leaves a row.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from router.accounts import Accounts, Ring
from router.admission import Admission
from router.artifacts.in_use import load_in_use
from router.budgets import Decided, KeptBudgets
from router.calls import Call
from router.database import open_database
from router.http.auth import Doorman
from router.ledger.opening import open_ledger
from router.limits import LocalLimiter
from router.principals import Principal, Scope
from router.settings import Settings
from router.types import ChatRequest, Message, Tuning, Usage
from tests.bench.ledger_writes import row
from tests.bench.machine import machine

KEYS = 600
REQUESTS = 4_000
AT_ONCE = 16
LIMITS = {"requests_per_minute": 10**7, "tokens_per_minute": 10**9, "concurrent_requests": 10**5}
BUDGET = {"budget_usd": "100000"}
BODY = {"messages": [{"role": "user", "content": "What is the capital of France, and why is it there? " * 6}]}


async def _each(number: int, act: Callable[[int], Awaitable[object]]) -> float:
    """Microseconds of CPU of one of so many acts, some at once."""
    numbers = iter(range(number))

    async def acting() -> None:
        for each in numbers:
            await act(each)

    began = time.process_time()
    await asyncio.gather(*(acting() for _ in range(AT_ONCE)))
    return (time.process_time() - began) / number * 1e6


async def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=folder)
        database = open_database(settings, "accounts")
        ring = Ring(database, server=None)
        ring.open()
        accounts = Accounts(database, changed=ring.refresh)
        team = accounts.create_team(json.dumps({"name": "all", **LIMITS, **BUDGET}).encode())
        form = json.dumps({"team": team.id, **LIMITS, **BUDGET}).encode()
        keys = [accounts.create_key(form).text.reveal() for _ in range(KEYS)]
        doorman = Doorman(require_key=True, keys=ring)
        ledger = open_ledger(Settings(home=str(Path(folder) / "ledger")))

        async def spent(scope: Scope, since: datetime) -> Decimal:
            return await ledger.spent(scope.kind, scope.id, since)

        admission = Admission(limiter=LocalLimiter(), budgets=KeptBudgets(spent=spent))
        admission.preload()
        curve = load_in_use(settings).scorer.curve
        request = ChatRequest(messages=[Message(role="user", content=BODY["messages"][0]["content"])])
        usage, dear = Usage(prompt_tokens=90, completion_tokens=200), Decimal("0.0021")

        def enter(number: int) -> Principal:
            return doorman.admit({"authorization": f"Bearer {keys[number % KEYS]}"})

        async def door(number: int) -> None:
            enter(number)

        principals = [enter(number) for number in range(KEYS)]

        async def hold(number: int) -> None:
            call = Call(principal=principals[number % KEYS], request=request, body=BODY, tuning=Tuning())
            grant = await admission.admit(call)
            grant.pace(curve)
            await grant.reserve(dear, route="strong")
            _ = grant.headers
            grant.settle(usage, dear, Decided("strong", 0.4, None))

        async def write(number: int) -> None:
            await ledger.record(rows[number])

        await _each(KEYS, hold)  # the first request of each key asks the ledger
        print(machine())
        print(f"{KEYS} keys, {REQUESTS} requests, {AT_ONCE} at once; microseconds of CPU a request, least of three")
        total = 0.0
        turns: dict[str, list[float]] = {"door": [], "limits and budgets": [], "ledger": []}
        for turn in range(3):
            rows = [row(turn * REQUESTS + number) for number in range(REQUESTS)]
            turns["door"].append(await _each(REQUESTS, door))
            turns["limits and budgets"].append(await _each(REQUESTS, hold))
            turns["ledger"].append(await _each(REQUESTS, write))
        for name, found in turns.items():
            total += min(found)
            print(f"  {name:20} {min(found):6.1f}")
        print(f"  {'together':20} {total:6.1f}")
        await admission.aclose()
        await ledger.aclose()
        ring.close()
        database.close()


if __name__ == "__main__":
    asyncio.run(main())
