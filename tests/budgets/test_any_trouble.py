"""Budgets on a Redis to which anything may happen: what was spent is counted once, and nothing stays held.

Servers begin and end requests while Redis is stopped, frozen, emptied or started with nothing in it, and while servers
are killed or join. Afterwards all that are left agree with the ledger.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path

import pytest

from router.budgets import KeptBudgets, Reservation
from router.budgets.shared import SharedSums
from router.errors import ApiError, SharedStateAway
from router.principals import Scope
from router.shared.redis_link import RedisLink
from tests.budgets.support import CURVE, STRONG, scope
from tests.services.redis_server import RedisServer, a_redis
from tests.shared.support import a_link, until

STEPS = 60
MOST = Decimal("0.01")
HELD = Decimal("0.004")
"""What a request may cost, and what is held for it: the truth is now and then dearer."""

SCOPES = [
    (scope("0.3", "server:all"), scope("0.2", "team:a"), scope("0.1", "key:a1")),
    (scope("0.3", "server:all"), scope("0.2", "team:a"), scope("5", "key:a2")),
    (scope("0.3", "server:all"), scope("5", "team:b")),
]
BUDGETS = {each.name: each for scopes in SCOPES for each in scopes}


class Truth:
    """The ledger: every request that ended, once."""

    def __init__(self) -> None:
        self.spent = dict.fromkeys(BUDGETS, Decimal(0))
        self.most_under_way = 0

    async def __call__(self, scope: Scope, _since: object) -> Decimal:
        await asyncio.sleep(0)
        return self.spent[scope.name]


class Server:
    """One server, and the requests that it has under way."""

    def __init__(self, link: RedisLink, truth: Truth) -> None:
        self.link = link
        self.truth = truth
        self.budgets = KeptBudgets(spent=truth, link=link)
        self.under_way: list[tuple[tuple[Scope, ...], Reservation]] = []

    async def begin(self, scopes: tuple[Scope, ...], patience_s: float) -> bool:
        """Whether a request was let in; one that waits longer leaves."""
        try:
            async with asyncio.timeout(patience_s):
                await self.budgets.require_unspent(scopes)
                reserved = await self.budgets.reserve(scopes, HELD, route="strong")
        except (ApiError, TimeoutError):
            return False
        self.under_way.append((scopes, reserved))
        return True

    def end(self, chance: random.Random) -> None:
        if not self.under_way:
            return
        scopes, reserved = self.under_way.pop(chance.randrange(len(self.under_way)))
        usd = (MOST * chance.randint(0, 1000) / 1000).quantize(Decimal("1e-9"))
        # The row is written, and then the budget told.
        for each in scopes:
            self.truth.spent[each.name] += usd
        reserved.settle(usd, STRONG)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.budgets.shared.BEAT_S", 0.1)
    monkeypatch.setattr("router.budgets.shared.PATIENCE_S", 2.0)


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_happens_all_that_was_spent_is_counted_once_and_nothing_stays_held(
    seed: int, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    truth = Truth()
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(a_redis(tmp_path))
        servers = [await joined(stack, redis, truth) for _ in range(3)]
        for _ in range(STEPS):
            await a_step(chance, stack, redis, servers, truth)
        await back(redis)
        await until(lambda: all(server.link.up for server in servers))
        for server in servers:
            while server.under_way:
                server.end(chance)
        for name, each in BUDGETS.items():
            for server in servers:
                await agrees(server, each, truth.spent[name])
            assert each.budget is not None
            assert truth.spent[name] <= each.budget.usd + truth.most_under_way * MOST


async def joined(stack: AsyncExitStack, redis: RedisServer, truth: Truth) -> Server:
    link = await stack.enter_async_context(a_link(redis.url, wait=False))
    server = Server(link, truth)
    stack.push_async_callback(server.budgets.aclose)
    return server


async def a_step(
    chance: random.Random, stack: AsyncExitStack, redis: RedisServer, servers: list[Server], truth: Truth
) -> None:
    what = chance.choices(
        ["requests", "flush", "stop", "start", "freeze", "thaw", "kill a server", "rest"], [30, 2, 2, 6, 2, 6, 1, 6]
    )[0]
    if what == "requests":
        # Now and then a caller has little patience, and leaves while it is being decided.
        begun = [
            chance.choice(servers).begin(chance.choice(SCOPES), chance.choice([0.0005, 0.002, 5.0, 5.0]))
            for _ in range(4)
        ]
        await asyncio.gather(*begun)
        truth.most_under_way = max(truth.most_under_way, sum(len(server.under_way) for server in servers))
        for server in servers:
            server.end(chance)
    elif what == "flush" and redis.running and not frozen(redis):
        await redis.ask("FLUSHALL")
    elif what == "stop":
        await redis.stop()
    elif what == "start" and not redis.running:
        await redis.start()
    elif what == "freeze" and redis.running:
        redis.freeze()
    elif what == "thaw":
        await back(redis)
    elif what == "kill a server" and all(server.link.up for server in servers):
        gone = servers.pop(chance.randrange(len(servers)))
        await silenced(gone)
        servers.append(await joined(stack, redis, truth))
    else:
        await asyncio.sleep(chance.choice([0.01, 0.3]))


async def back(redis: RedisServer) -> None:
    if redis.running:
        redis.thaw()
    else:
        await redis.start()


async def silenced(server: Server) -> None:
    """Killed: its requests end with it, and are in no ledger. What it has spent it has told by then."""
    with contextlib.suppress(SharedStateAway):
        await server.link.call("PING")
    sums = server.budgets._sums
    assert isinstance(sums, SharedSums)
    if sums._beating is not None:
        sums._beating.cancel()
    assert server.link._keeping is not None
    server.link._keeping.cancel()
    await asyncio.wait([server.link._keeping])


def frozen(redis: RedisServer) -> bool:
    return Path(f"/proc/{redis.pid}/stat").read_text().rpartition(") ")[2][0] == "T"


async def agrees(server: Server, each: Scope, spent: Decimal) -> None:
    """Wait until a server tells of a budget what is true."""
    found = None
    for _ in range(200):
        found = await server.budgets.state(each, CURVE)
        assert found is not None
        # Each server that was told of the ledger's amount may have rounded it up to the next nano-dollar.
        if abs(found.spent - spent) <= Decimal("1e-7") and found.reserved == 0:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{each.name}: spent {spent}, but it tells {found}")
