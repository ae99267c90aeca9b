"""Who waits for whom: equal requests of one tenant only, not for ever, and each with a way on of its own."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from router.cache import Flight, Flights, NullCache, SemanticCache
from tests.cache.support import answer, body, embed, ticket, typed


@pytest.fixture
def cache() -> SemanticCache:
    return SemanticCache()


@pytest.fixture
def flights(cache: SemanticCache) -> Flights:
    return Flights(cache)


class Asker:
    """One request: whether it was answered, and the flight that it leads."""

    def __init__(self, cache: SemanticCache, flights: Flights, raw: dict[str, Any], **others: Any) -> None:
        self.ticket = ticket(cache, raw, **others)
        self.flight: Flight | None = None
        self._flights = flights

    def lead(self, flight: Flight) -> None:
        self.flight = flight

    async def ask(self) -> str:
        hit = await self._flights.exact(self.ticket, self.lead)
        return "hit" if hit is not None else ("leads" if self.flight is not None else "alone")


async def begun(*askers: Asker) -> list[asyncio.Task[str]]:
    """Each of them asking, one after another, as far as they come."""
    tasks = []
    for asker in askers:
        tasks.append(asyncio.create_task(asker.ask()))
        await asyncio.sleep(0)
    return tasks


def outcomes(tasks: list[asyncio.Task[str]]) -> list[str]:
    return [task.result() if task.done() else "waits" for task in tasks]


async def test_those_who_wait_get_the_answer_of_the_one_who_leads(cache: SemanticCache, flights: Flights) -> None:
    askers = [Asker(cache, flights, body()) for _ in range(4)]
    tasks = await begun(*askers)
    assert outcomes(tasks) == ["leads", "waits", "waits", "waits"]
    cache.store(askers[0].ticket, answer(), embed)
    assert askers[0].flight is not None
    askers[0].flight.land(abandoned=False)
    assert await asyncio.gather(*tasks) == ["leads", "hit", "hit", "hit"]
    assert cache.stats().hits_exact == 3
    assert await Asker(cache, flights, body()).ask() == "hit"


async def test_where_nothing_was_kept_all_go_on_at_once(cache: SemanticCache, flights: Flights) -> None:
    askers = [Asker(cache, flights, body()) for _ in range(4)]
    tasks = await begun(*askers)
    assert askers[0].flight is not None
    askers[0].flight.land(abandoned=False)
    assert await asyncio.gather(*tasks) == ["leads", "alone", "alone", "alone"]
    assert await Asker(cache, flights, body()).ask() == "leads"


async def test_an_abandoned_flight_is_taken_over_by_one_of_those_who_wait(
    cache: SemanticCache, flights: Flights
) -> None:
    askers = [Asker(cache, flights, body()) for _ in range(4)]
    tasks = await begun(*askers)
    assert askers[0].flight is not None
    askers[0].flight.land(abandoned=True)
    for _ in range(5):
        await asyncio.sleep(0)
    assert sorted(outcomes(tasks)) == ["leads", "leads", "waits", "waits"]
    leader = next(asker for asker in askers[1:] if asker.flight is not None)
    cache.store(leader.ticket, answer(), embed)
    assert leader.flight is not None
    leader.flight.land(abandoned=False)
    assert sorted(await asyncio.gather(*tasks)) == ["hit", "hit", "leads", "leads"]


async def test_those_who_wait_are_counted_however_their_wait_ends(cache: SemanticCache) -> None:
    flights = Flights(cache, patience_s=0.05)
    tasks = await begun(*(Asker(cache, flights, body()) for _ in range(4)))
    assert flights.waiting == 3
    tasks[3].cancel()
    await asyncio.wait(tasks)
    assert flights.waiting == 0


async def test_patience_ends(cache: SemanticCache) -> None:
    flights = Flights(cache, patience_s=0.01)
    leader, other = (Asker(cache, flights, body()) for _ in range(2))
    assert await leader.ask() == "leads"
    assert await other.ask() == "alone"


@pytest.mark.parametrize(
    ("fields", "others"),
    [
        ({}, {"tenant": "other"}),
        ({}, {"policy": "threshold=0.9"}),
        ({"model": "strong"}, {}),
        ({"temperature": 0.1}, {}),
        ({"user": "ann"}, {}),
        ({"a_new_field": None}, {}),
    ],
)
async def test_nobody_waits_for_a_request_of_another_scope(
    cache: SemanticCache, flights: Flights, fields: dict[str, Any], others: dict[str, Any]
) -> None:
    tasks = await begun(Asker(cache, flights, body()), Asker(cache, flights, body(**fields), **others))
    assert outcomes(tasks) == ["leads", "leads"]


@pytest.mark.parametrize("control", ["no-cache", "no-store", "only-if-cached", "max-age=0"])
async def test_who_may_not_share_neither_waits_nor_leads(cache: SemanticCache, flights: Flights, control: str) -> None:
    picky = [Asker(cache, flights, body(), cache_control=control) for _ in range(2)]
    tasks = await begun(picky[0], Asker(cache, flights, body()), picky[1])
    assert outcomes(tasks) == ["alone", "leads", "alone"]


async def test_a_cache_that_is_off_lets_everybody_go_alone() -> None:
    cache = NullCache()
    flights = Flights(cache)
    for _ in range(2):
        made = cache.ticket(tenant="t", policy="p", request=typed(body()), body=body())
        assert await flights.exact(made, lambda flight: pytest.fail("nothing can be shared")) is None


async def test_switched_off_it_only_looks_up(cache: SemanticCache) -> None:
    flights = Flights(cache, enabled=False)
    first, second = (Asker(cache, flights, body()) for _ in range(2))
    assert await first.ask() == await second.ask() == "alone"
    cache.store(first.ticket, answer(), embed)
    assert await second.ask() == "hit"
