"""Three replicas behind a balancer, while one is killed, Redis stops and PostgreSQL restarts.

What was acknowledged is in the ledger once; limits, budgets and tenants hold. In small here, in full by ``make soak``.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from router.accounts.secrets import id_in
from tests.live import LiveServer, live_server, upstream_process
from tests.replicas.balancer import Balancer
from tests.replicas.callers import Acknowledged, Caller, Noted, ask_many
from tests.services.postgres_server import PostgresServer, a_postgres
from tests.services.redis_server import RedisServer, a_redis

MASTER = "sk-master-of-the-proof"
REPLICAS = 3
AT_ONCE = 64
REQUESTS, REQUESTS_IN_FULL = 1_200, 20_000
REDIS_AWAY_S, REDIS_AWAY_IN_FULL_S = 2.0, 10.0
EDGE_S = 1.0
"""Requests that began so near to the turn of a minute are counted in neither of the two."""

BUDGET, LIMIT = Decimal("0.006"), 60
"""So little that they are reached well before Redis is stopped."""

HEALED_S = 3.0
"""Seconds after which all replicas have found Redis again."""


def a_model(name: str) -> AbstractAsyncContextManager[str]:
    """A model whose answers are numbered, in a process of its own; its base URL."""
    return upstream_process("tests.replicas.upstream", "--model", name)


@dataclass
class Cluster:
    """The replicas, what they share, and what has been done to them."""

    home: Path
    environ: Mapping[str, str]
    stack: AsyncExitStack
    balancer: Balancer
    replicas: list[LiveServer] = field(default_factory=list)

    async def start(self, number: int) -> None:
        """Start a replica, in the place of one that was killed."""
        server = await self.stack.enter_async_context(
            live_server(self.home / f"replica-{number}", environ=self.environ, stderr=self.home / f"log-{number}")
        )
        self.replicas[number : number + 1] = [server]
        self.balancer.ports = [int(replica.url.rsplit(":", 1)[1]) for replica in self.replicas]

    async def kill(self, number: int) -> None:
        """End a replica as a power cut would."""
        self.replicas[number].process.kill()
        await self.replicas[number].process.wait()

    async def create(self, path: str, **form: Any) -> dict[str, Any]:
        """Make a key or a team."""
        async with httpx.AsyncClient(base_url=self.replicas[0].url, trust_env=False, timeout=30) as http:
            answer = await http.post(path, json=form, headers={"authorization": f"Bearer {MASTER}"})
        assert answer.status_code in (200, 201), answer.text
        made: dict[str, Any] = answer.json()
        return made


@asynccontextmanager
async def cluster(
    home: Path, postgres: PostgresServer, redis: RedisServer, weak: str, strong: str
) -> AsyncIterator[Cluster]:
    """Three replicas on one database and one Redis."""
    deployments = [
        {"route": "weak", "url": weak, "model": "weak-model"},
        {"route": "strong", "provider": "openai", "url": strong, "model": "gpt-4.1", "api_key": "sk-not-needed"},
    ]
    environ = {
        "UNDERDOG_DEPLOYMENTS": json.dumps(deployments),
        "UNDERDOG_MASTER_KEY": MASTER,
        "UNDERDOG_DATABASE_URL": await postgres.new_database(),
        "UNDERDOG_REDIS_URL": redis.url,
    }
    async with AsyncExitStack() as stack:
        balancer = await stack.enter_async_context(Balancer([]))
        made = Cluster(home=home, environ=environ, stack=stack, balancer=balancer)
        for number in range(REPLICAS):
            await made.start(number)
        yield made


async def callers_of(made: Cluster) -> dict[str, Caller]:
    """Two teams and two people without one, some of them held to something."""
    search, sales = [await made.create("/admin/teams", name=name) for name in ("search", "sales")]
    keys = {
        "search-1": {"team": search["id"]},
        "search-2": {"team": search["id"], "concurrent_requests": 8},
        "sales-1": {"team": sales["id"]},
        "limited": {"requests_per_minute": LIMIT},
        "budgeted": {"budget_usd": str(BUDGET), "budget_period": "month", "budget_pace": False},
    }
    fields = {"budgeted": {"model": "strong", "max_tokens": 40}}
    found = {}
    for name, form in keys.items():
        key = await made.create("/admin/keys", name=name, **form)
        found[name] = Caller(name, key["key"], fields.get(name, {}))
    return found


TENANTS = {"search-1": "search", "search-2": "search"}


async def trouble(
    made: Cluster, postgres: PostgresServer, redis: RedisServer, noted: Noted, count: int, away_s: float
) -> tuple[float, float]:
    """Kill, stop and restart while requests come; returns when Redis went and was back."""

    async def reached(share: float) -> None:
        while sum(noted.endings.values()) < share * count:
            await asyncio.sleep(0.02)

    await reached(0.15)
    await made.kill(1)
    await reached(0.3)
    await made.start(1)
    await reached(0.4)
    gone = time.time()
    await redis.stop()
    await asyncio.sleep(away_s)
    await redis.start()
    back = time.time()
    await reached(0.75)
    await postgres.stop()
    await asyncio.sleep(1)
    await postgres.start()
    # Now everybody has to do without PostgreSQL for a while, and then with it.
    await asyncio.sleep(1)
    return gone, back


async def ledger(url: str, expected: set[str], patience_s: float = 60) -> list[dict[str, Any]]:
    """The rows in PostgreSQL, once all that are expected are there; those that are there where they are not."""
    rows: list[dict[str, Any]] = []
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        async with await psycopg.AsyncConnection.connect(url, row_factory=psycopg.rows.dict_row) as connection:
            rows = await (await connection.execute("SELECT * FROM requests")).fetchall()
        if expected <= {row["request_id"] for row in rows}:
            break
        await asyncio.sleep(0.5)
    return rows


def cost_of(row: Mapping[str, Any]) -> Decimal:
    """What a request cost; nothing where no price is known."""
    return Decimal(row["cost_usd"] or 0)


def by_minute(answers: list[Acknowledged]) -> Counter[int]:
    """How many requests began in each minute, but for those at its edges."""
    return Counter(
        int(each.began_s // 60) for each in answers if each.began_s % 60 > EDGE_S and each.ended_s % 60 > EDGE_S
    )


@pytest.mark.soak
async def test_nothing_is_lost_overspent_or_mixed_up_while_parts_fail(tmp_path: Path, full: bool) -> None:
    count, away_s = (REQUESTS_IN_FULL, REDIS_AWAY_IN_FULL_S) if full else (REQUESTS, REDIS_AWAY_S)
    async with (
        a_redis(tmp_path) as redis,
        a_postgres(tmp_path, durable=True) as postgres,
        a_model("weak-model") as weak,
        a_model("gpt-4.1") as strong,
        cluster(tmp_path, postgres, redis, weak, strong) as made,
    ):
        callers = await callers_of(made)
        noted = Noted()
        began = time.monotonic()
        troubled = asyncio.create_task(trouble(made, postgres, redis, noted, count, away_s))

        def enough(number: int) -> bool:
            # What is asked after the last trouble proves nothing; what comes before all of it must not end early.
            return number >= count and troubled.done()

        await ask_many(made.balancer.url, list(callers.values()), enough, at_once=AT_ONCE, noted=noted)
        gone, back = await troubled
        took = time.monotonic() - began
        acknowledged = {each.request_id: each for each in noted.acknowledged}
        rows = await ledger(made.environ["UNDERDOG_DATABASE_URL"], set(acknowledged))
    kept = Counter(row["request_id"] for row in rows)
    spent = {
        name: sum((cost_of(row) for row in rows if row["key_id"] == _id(callers[name])), Decimal(0)) for name in callers
    }
    print(
        f"\n{sum(noted.endings.values())} requests, {AT_ONCE} at once, over {REPLICAS} replicas in {took:.0f} s: "
        f"{noted.endings}"
    )
    print(f"  {len(rows)} rows; spent by the budgeted key: {spent['budgeted']} of {BUDGET}")
    limited = [each for each in noted.acknowledged if each.caller == "limited"]
    together = by_minute([each for each in limited if each.ended_s < gone])
    together_again = by_minute([each for each in limited if each.began_s > back + HEALED_S])
    alone = by_minute([each for each in limited if gone <= each.ended_s and each.began_s <= back + HEALED_S])
    print(f"  the limited key, by minute: {dict(together)}, {dict(alone)}, {dict(together_again)}; limit: {LIMIT}")
    print(f"  from the cache: {Counter(each.cache for each in noted.acknowledged)}")

    assert not noted.surprising, noted.surprising[:5]
    assert noted.broken <= 2 * AT_ONCE
    assert len(noted.acknowledged) > count / 3

    assert [name for name in acknowledged if kept[name] != 1] == []
    assert max(kept.values()) == 1
    by_id = {row["request_id"]: row for row in rows}
    for each in noted.acknowledged:
        row = by_id[each.request_id]
        assert (row["key_id"], row["status"]) == (_id(callers[each.caller]), 200)

    assert max([*together.values(), *together_again.values()], default=0) <= LIMIT
    # Each for itself, and once more together: this Redis has forgotten what was counted.
    assert max(alone.values(), default=0) <= LIMIT * (REPLICAS + 1)
    assert noted.refused["429 rate_limit_exceeded"] > 0

    dearest = max(map(cost_of, rows))
    assert 0 < spent["budgeted"] <= BUDGET + noted.most_under_way["budgeted"] * dearest
    assert noted.refused["429 insufficient_quota"] > 0

    given: dict[str, str] = {}
    for each in noted.acknowledged:
        tenant = TENANTS.get(each.caller, each.caller)
        assert given.setdefault(each.number, tenant) == tenant
    # It would prove little if nobody had been answered from the cache.
    assert sum(each.cache != "miss" for each in noted.acknowledged) > 0


def _id(caller: Caller) -> str:
    return id_in(caller.key)
