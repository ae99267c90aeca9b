"""Who leads among all servers: one at a time, whoever leaves, dies or forgets."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from router.cache import Flight, Flights
from router.cache import leases as leases_module
from router.cache.leases import Leases
from tests.cache.support import answer, body, embed, ticket
from tests.services.redis_server import a_redis
from tests.shared.support import until
from tests.shared.test_replication import Replica, a_replica


class Server:
    """A cache that is shared, and the flights before it."""

    def __init__(self, replica: Replica, *, patience_s: float = 60.0) -> None:
        self.replica = replica
        self.leases = Leases(replica.sharing, random.Random(1))
        self.leases.listen()
        self.flights = Flights(replica.cache, elsewhere=self.leases, patience_s=patience_s)


class Asker:
    """One request at one server."""

    def __init__(self, server: Server, raw: dict[str, Any], **others: Any) -> None:
        self.cache = server.replica.cache
        self.ticket = ticket(self.cache, raw, **others)
        self.flight: Flight | None = None
        self.task = asyncio.create_task(self._ask(server))

    async def _ask(self, server: Server) -> str:
        hit = await server.flights.exact(self.ticket, self._lead)
        return "hit" if hit is not None else ("leads" if self.flight is not None else "alone")

    def _lead(self, flight: Flight) -> None:
        self.flight = flight

    def land(self, *, stored: bool = True, abandoned: bool = False) -> None:
        if stored:
            assert self.cache.store(self.ticket, answer(), embed)
        assert self.flight is not None
        self.flight.land(abandoned=abandoned)


@asynccontextmanager
async def two_servers(url: str, **options: Any) -> AsyncIterator[tuple[Server, Server]]:
    async with a_replica(url) as one, a_replica(url) as two:
        yield Server(one, **options), Server(two, **options)


async def waits(asker: Asker) -> bool:
    """Whether it still waits for another server once that has heard that somebody does."""
    await asyncio.sleep(0.05)
    return not asker.task.done()


async def test_who_waits_on_another_server_gets_the_answer(redis_url: str) -> None:
    async with two_servers(redis_url) as (one, two):
        leader = Asker(one, body())
        assert await leader.task == "leads"
        others = [Asker(two, body()) for _ in range(3)] + [Asker(one, body())]
        assert await waits(others[0])
        leader.land()
        assert [await other.task for other in others] == ["hit"] * 4
        assert await Asker(two, body()).task == "hit"


async def test_other_requests_and_other_tenants_wait_for_nobody(redis_url: str) -> None:
    async with two_servers(redis_url) as (one, two):
        assert await Asker(one, body()).task == "leads"
        assert await Asker(two, body("Another?")).task == "leads"
        assert await Asker(two, body(), tenant="other").task == "leads"


async def test_where_nothing_was_kept_all_go_on_at_once(redis_url: str) -> None:
    async with two_servers(redis_url) as (one, two):
        leader = Asker(one, body())
        assert await leader.task == "leads"
        others = [Asker(two, body()) for _ in range(3)]
        assert await waits(others[0])
        leader.land(stored=False)
        assert [await other.task for other in others] == ["alone"] * 3
        assert await Asker(two, body()).task == "leads"


async def test_a_request_whose_caller_left_is_taken_over_on_the_other_server(redis_url: str) -> None:
    async with two_servers(redis_url) as (one, two):
        leader = Asker(one, body())
        assert await leader.task == "leads"
        others = [Asker(two, body()) for _ in range(3)]
        assert await waits(others[0])
        leader.land(stored=False, abandoned=True)
        await until(lambda: any(other.task.done() for other in others))
        (next_one,) = [other for other in others if other.task.done()]
        assert await next_one.task == "leads"
        next_one.land()
        assert sorted([await other.task for other in others]) == ["hit", "hit", "leads"]


async def test_who_leaves_while_waiting_leaves_the_lease_to_the_next(redis_url: str) -> None:
    async with two_servers(redis_url) as (one, two):
        leader = Asker(one, body())
        assert await leader.task == "leads"
        leaving, staying = Asker(two, body()), Asker(two, body())
        assert await waits(leaving)
        leaving.task.cancel()
        assert await waits(staying)
        leader.land()
        assert await staying.task == "hit"


async def test_the_next_leader_sees_an_answer_that_its_own_server_has_not_read_yet(redis_url: str) -> None:
    async with two_servers(redis_url) as (one, two):
        for number in range(20):
            leader = Asker(one, body(f"Question {number}?"))
            assert await leader.task == "leads"
            leader.land()
            link = one.replica.sharing.link
            key = link.key(f"lease:{leader.ticket.keys.exact.hex()}")  # type: ignore[union-attr]
            async with asyncio.timeout(60):
                while not (await link.call("GET", key) or b"").startswith(b"d"):
                    await asyncio.sleep(0)
            assert await Asker(two, body(f"Question {number}?")).task == "hit"


async def test_a_lease_is_renewed_as_long_as_its_request_takes(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases_module, "LEASE_MS", 1500)
    monkeypatch.setattr(leases_module, "RENEW_S", 0.1)
    monkeypatch.setattr(leases_module, "ASK_AGAIN_S", 0.2)
    async with two_servers(redis_url) as (one, two):
        leader = Asker(one, body())
        assert await leader.task == "leads"
        other = Asker(two, body())
        await asyncio.sleep(2.0)
        assert not other.task.done()
        leader.land()
        assert await other.task == "hit"


async def test_a_lost_word_is_made_up_for(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases_module, "ASK_AGAIN_S", 0.2)
    async with two_servers(redis_url) as (one, two):
        leader = Asker(one, body())
        assert await leader.task == "leads"
        other = Asker(two, body())
        assert await waits(other)
        one.leases._held.clear()  # as if its server had died
        await one.replica.sharing.link.call("FLUSHDB")
        assert await other.task == "leads"


async def test_patience_has_an_end(redis_url: str) -> None:
    async with two_servers(redis_url, patience_s=0.2) as (one, two):
        leader = Asker(one, body())
        assert await leader.task == "leads"
        assert await Asker(two, body()).task == "alone"
        leader.land()
        await until(lambda: two.replica.has(body()))


async def test_without_redis_every_server_leads_for_itself(tmp_path: Any) -> None:
    async with a_redis(tmp_path) as server, two_servers(server.url) as (one, two):
        leader = Asker(one, body())
        assert await leader.task == "leads"
        other = Asker(two, body())
        assert await waits(other)
        await server.stop()
        assert await other.task == "leads"
        third, same = Asker(two, body("Another?")), Asker(two, body("Another?"))
        assert await third.task == "leads"
        third.land()
        assert await same.task == "hit"
        leader.land()
        await server.start()
        await until(lambda: one.replica.has(body("Another?")))
        await until(lambda: two.replica.has(body()))
