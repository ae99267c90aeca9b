"""One cache on several servers, over a real Redis: what goes from one to the others, and what must not."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from router.cache import CacheFile, Judge, NoFile, Selection, SemanticCache
from router.cache.account import Trial
from router.cache.replication import ENTRY, GONE, Reception, Replication
from router.shared.address import Address
from router.shared.sharing import Sharing
from router.shared.streams import CACHE, STATE
from tests.cache.support import Clock, answer, body, completion, embed, ticket
from tests.cache.test_judge import TRAPS, Scores
from tests.services.redis_server import a_redis
from tests.shared.support import until

MB = 1_000_000


class Replica:
    """One server's cache, and its way to the others."""

    def __init__(self, cache: SemanticCache, sharing: Sharing) -> None:
        self.cache, self.sharing = cache, sharing

    def store(self, raw: dict[str, Any], said: str = "Paris.", **others: Any) -> bool:
        return self.cache.store(ticket(self.cache, raw, **others), answer(completion(said)), embed)

    def has(self, raw: dict[str, Any], **others: Any) -> bool:
        return self.cache.exact(ticket(self.cache, raw, **others)) is not None

    def said(self, raw: dict[str, Any]) -> str | None:
        hit = self.cache.exact(ticket(self.cache, raw))
        return None if hit is None else msgspec.json.decode(hit.answer.body)["choices"][0]["message"]["content"]

    @property
    def key(self) -> Callable[[str], str]:
        return self.sharing.link.key


@asynccontextmanager
async def a_replica(
    url: str,
    *,
    file: Path | None = None,
    clock: Callable[[], float] = time.monotonic,
    wall: Callable[[], float] = time.time,
    most_messages: int = 10_000,
    most_bytes: int = 64 * MB,
    ttl_s: float = 86_400.0,
    wait: bool = True,
) -> AsyncIterator[Replica]:
    sharing = Sharing(Address(url), prefix="underdog", most_messages=most_messages, most_bytes=most_bytes, kept_s=ttl_s)
    peers = Replication(sharing, clock, wall)
    cache = SemanticCache(
        ttl_s=ttl_s,
        clock=clock,
        judge=Judge(0.01, peers=peers),
        file=CacheFile(file, encoder="", linger_s=0.01) if file else NoFile(),
        peers=peers,
    )
    Reception(sharing, cache, wall)
    cache.start()
    await sharing.start()
    try:
        if wait:
            await until(lambda: sharing.link.up)
        yield Replica(cache, sharing)
    finally:
        await sharing.aclose()
        cache.close()


async def test_exact_and_reworded_questions_hit_on_the_other_server(redis_url: str) -> None:
    async with a_replica(redis_url) as one, a_replica(redis_url) as two:
        assert one.store(body())
        await until(lambda: two.has(body()))
        assert two.said(body()) == "Paris."
        hit = two.cache.lookup(ticket(two.cache, body("what is the capital of france")), embed)
        assert hit is not None
        assert hit.kind == "semantic"


async def test_no_answer_crosses_a_tenant_on_any_server(redis_url: str) -> None:
    async with a_replica(redis_url) as one, a_replica(redis_url) as two:
        one.store(body(), tenant="acme")
        await until(lambda: two.has(body(), tenant="acme"))
        for replica in (one, two):
            for stranger in ("", "acm", "acme ", "other"):
                assert not replica.has(body(), tenant=stranger)
                reworded = ticket(replica.cache, body("what is the capital of france"), tenant=stranger)
                assert replica.cache.lookup(reworded, embed) is None
                selection = Selection(tenant=stranger)
                listed = replica.cache.administration.entries(selection, order="newest", limit=10, with_questions=True)
                assert listed.entries == []
                assert replica.cache.administration.evict_all(selection) == 0
        assert two.has(body(), tenant="acme")


async def test_an_entry_is_as_old_on_every_server(redis_url: str) -> None:
    early, late = Clock(), Clock()
    late.now = 5_000_000.0  # its machine has run for longer
    wall = Clock()
    async with (
        a_replica(redis_url, clock=early, wall=wall, ttl_s=100) as one,
        a_replica(redis_url, clock=late, wall=wall, ttl_s=100) as two,
    ):
        early.now += 7
        one.store(body())
        for clock in (early, late, wall):
            clock.now += 60
        async with a_replica(redis_url, clock=late, wall=wall, ttl_s=100) as joined:
            for replica in (two, joined):
                await until(lambda replica=replica: replica.has(body()))
                hit = replica.cache.exact(ticket(replica.cache, body()))
                assert hit is not None
                # The wall clock had not seen the seven seconds.
                assert hit.age_s == pytest.approx(60, abs=0.01)
            for clock in (early, late, wall):
                clock.now += 41
            assert not two.has(body())
            assert not joined.has(body())


async def test_what_has_expired_is_not_taken_up(redis_url: str) -> None:
    wall = Clock()
    async with a_replica(redis_url, wall=wall, ttl_s=100) as one:
        one.store(body())
        await until(lambda: one.sharing.outbox.sent == 1)
        wall.now += 101
        one.store(body("Another?"))
        async with a_replica(redis_url, wall=wall, ttl_s=100) as joined:
            await until(lambda: joined.has(body("Another?")))
            assert joined.cache.stats().entries == 1


async def test_a_clock_that_is_ahead_makes_no_answer_live_longer(redis_url: str) -> None:
    clock = Clock()
    async with (
        a_replica(redis_url, wall=lambda: time.time() + 10_000, ttl_s=100) as ahead,
        a_replica(redis_url, clock=clock, ttl_s=100) as two,
    ):
        ahead.store(body())
        await until(lambda: two.has(body()))
        clock.now += 101
        assert not two.has(body())


async def test_what_is_let_go_of_is_gone_everywhere(redis_url: str) -> None:
    async with a_replica(redis_url) as one, a_replica(redis_url) as two:
        for number in range(30):
            one.store(body(f"Question {number}?"))
        await until(lambda: two.cache.stats().entries == 30)
        key = ticket(two.cache, body("Question 1?")).keys
        assert key is not None
        assert two.cache.evict(key.exact)
        await until(lambda: not one.has(body("Question 1?")))
        assert one.cache.administration.evict_all(Selection(tenant="acme")) == 29
        await until(lambda: two.cache.stats().entries == 0)
        two.store(body("Question 2?"))
        await until(lambda: one.has(body("Question 2?")))
        two.cache.clear()
        await until(lambda: not one.has(body("Question 2?")))


async def test_a_sweep_reaches_what_the_sweeping_server_does_not_have(redis_url: str) -> None:
    async with a_replica(redis_url) as one, a_replica(redis_url) as two:
        two.store(body())
        two.store(body(), tenant="other")
        await until(lambda: one.cache.stats().entries == 2)
        for key in [entry.exact for entry in one.cache.shelf.entries.entries()]:
            one.cache.shelf.let_go([key], "space")
        old = Selection(tenant="acme", older_than_s=3600)
        assert one.cache.administration.evict_all(old) == 0
        two.store(body("Another?"))
        await until(lambda: one.has(body("Another?")))
        assert two.has(body())
        assert one.cache.administration.evict_all(Selection(tenant="acme", model="m")) == 1
        two.store(body("Later?"))
        await until(lambda: not two.has(body()) and not two.has(body("Another?")))
        assert two.has(body(), tenant="other")
        assert two.has(body("Later?"))
        # Nor is it left for who joins: other tenant's, later one, two sweeps and what one let go of.
        async with asyncio.timeout(60):
            while await one.sharing.link.call("XLEN", one.key(CACHE)) > 5:
                await asyncio.sleep(0.01)
        async with a_replica(redis_url) as joined:
            await until(lambda: joined.has(body("Later?")) and not joined.has(body()))
            assert joined.has(body(), tenant="other")


async def test_what_is_let_go_of_does_not_stay_in_redis(redis_url: str) -> None:
    async with a_replica(redis_url) as one, a_replica(redis_url) as two:
        one.store(body("A secret question?"), "A secret answer.")
        one.store(body())
        await until(lambda: two.cache.stats().entries == 2)
        key = ticket(two.cache, body("A secret question?")).keys
        assert key is not None
        two.cache.evict(key.exact)

        async def left() -> bytes:
            found = await one.sharing.link.call("XRANGE", one.key(CACHE), "-", "+")
            return b"".join(fields[7] for _, fields in found)

        async with asyncio.timeout(60):
            while b"secret" in await left():
                await asyncio.sleep(0.01)
        assert b"capital of France" in await left()
        held = await one.sharing.link.call("XRANGE", one.key(CACHE), "-", "+")
        counted = int(await one.sharing.link.call("HGET", one.key(STATE), "bytes"))
        assert counted == sum(len(fields[7]) + 200 for _, fields in held)
        # Stored and let go of in one breath.
        one.store(body("Another secret?"))
        one.cache.clear()
        await until(lambda: one.sharing.follower.lag_s == 0 and len(one.sharing.outbox) == 0)
        async with asyncio.timeout(60):
            while b"secret" in await left():
                await asyncio.sleep(0.01)


async def test_who_joins_has_what_is_left(redis_url: str) -> None:
    async with a_replica(redis_url) as one:
        for number in range(300):
            one.store(body(f"Question {number}?"))
        key = ticket(one.cache, body("Question 7?")).keys
        assert key is not None
        one.cache.evict(key.exact)
        await until(lambda: len(one.sharing.outbox) == 0 and one.sharing.outbox.sent >= 301)
        async with a_replica(redis_url) as joined:
            await until(lambda: joined.cache.stats().entries == 299 and joined.sharing.follower.lag_s == 0)
            assert not joined.has(body("Question 7?"))


async def test_of_two_answers_to_one_request_the_newer_one_stays(redis_url: str) -> None:
    clock = Clock()
    clocks = {"clock": clock, "wall": clock}
    async with a_replica(redis_url, **clocks) as one, a_replica(redis_url, **clocks) as two:
        two.store(body(), "the older")
        clock.now += 1
        one.store(body(), "the newer")
        await until(lambda: one.sharing.follower.received == two.sharing.follower.received == 1)
        assert one.said(body()) == two.said(body()) == "the newer"
        async with asyncio.timeout(60):
            while await one.sharing.link.call("XLEN", one.key(CACHE)) > 1:
                await asyncio.sleep(0.01)


async def test_what_others_stored_outlives_a_restart_in_this_servers_own_file(redis_url: str, tmp_path: Path) -> None:
    file = tmp_path / "cache.sqlite3"
    async with a_replica(redis_url) as one, a_replica(redis_url, file=file) as two:
        one.store(body())
        await until(lambda: two.has(body()))
        await until(lambda: two.cache.stats().file.persisted == 1)
        await one.sharing.link.call("FLUSHDB")
    async with a_replica(redis_url, file=file) as again:
        await until(lambda: again.has(body()))


async def test_what_was_let_go_of_meanwhile_goes_from_the_file_of_who_comes_back(
    redis_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "cache.sqlite3"
    async with a_replica(redis_url) as one:
        async with a_replica(redis_url, file=file) as two:
            one.store(body())
            one.store(body("Another?"))
            await until(lambda: two.cache.stats().file.persisted == 2)
        key = ticket(one.cache, body()).keys
        assert key is not None
        one.cache.evict(key.exact)
        await until(lambda: len(one.sharing.outbox) == 0)
        async with a_replica(redis_url, file=file) as again:
            await until(lambda: again.has(body("Another?")))
            await until(lambda: not again.has(body()) and again.cache.stats().file.persisted == 1)


async def test_damaged_and_unknown_messages_are_passed_by(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    async with a_replica(redis_url) as one:
        one.store(body())
        await until(lambda: one.sharing.outbox.sent == 1)
        ((_, fields),) = await one.sharing.link.call("XRANGE", one.key(CACHE), "-", "+")
        whole = dict(zip(fields[::2], fields[1::2], strict=True))
        flipped = bytearray(whole[b"p"])
        flipped[len(flipped) // 2] ^= 1
        for kind, payload in (
            (ENTRY, b""),
            (ENTRY, b"\xff" * 100),
            (ENTRY, bytes(flipped)),
            (ENTRY, whole[b"p"][:-5]),
            (ENTRY, msgspec.msgpack.encode([1, 2, 3])),
            (ENTRY, msgspec.msgpack.encode(list(range(13)))),
            (GONE, msgspec.msgpack.encode(["short"])),
            (GONE, msgspec.msgpack.encode([b"short"])),
            (b"entry/99", whole[b"p"]),
            (b"", b""),
        ):
            command = ("XADD", one.key(CACHE), "*", "o", "x", "k", kind, "s", "", "p", payload)
            await one.sharing.link.call(*command)
        await one.sharing.link.call("XADD", one.key(CACHE), "*", "nothing", "known")
        async with a_replica(redis_url) as two:
            one.store(body("Another?"))
            await until(lambda: two.has(body("Another?")))
            assert two.has(body())
            assert two.cache.stats().entries == 2
            assert two.sharing.status().skipped == 11
            assert one.sharing.status().skipped == 11
    assert "capital" not in caplog.text


async def test_a_key_that_is_no_stream_disturbs_nobody_and_heals(redis_url: str) -> None:
    async with a_replica(redis_url) as one, a_replica(redis_url) as two:
        await one.sharing.link.call("SET", one.key(CACHE), "no stream")
        one.store(body())
        await until(lambda: one.sharing.outbox.dropped + len(one.sharing.outbox) == 1)
        assert one.has(body())
        await one.sharing.link.call("DEL", one.key(CACHE))
        one.store(body("Another?"))
        await until(lambda: two.has(body("Another?")))


async def test_the_stream_is_bounded_in_messages_and_bytes(redis_url: str) -> None:
    async with a_replica(redis_url, most_messages=50) as one:
        for number in range(120):
            one.store(body(f"Question {number}?"))
        await until(lambda: one.sharing.outbox.sent == 120)
        assert await one.sharing.link.call("XLEN", one.key(CACHE)) == 50
        await one.sharing.link.call("FLUSHDB")
    async with a_replica(redis_url, most_bytes=100_000) as one:
        for number in range(120):
            one.store(body(f"Question {number}?"), "word " * (1 + number % 7) * 100)
        await until(lambda: one.sharing.outbox.sent == 120)
        held = await one.sharing.link.call("XRANGE", one.key(CACHE), "-", "+")
        sizes = [len(fields[7]) + 200 for _, fields in held]
        assert 90_000 < sum(sizes) <= 100_000
        assert int(await one.sharing.link.call("HGET", one.key(STATE), "bytes")) == sum(sizes)
        # Where Redis lost the sum, or has one that means nothing, the bound in messages is left, and it finds back.
        await one.sharing.link.call("DEL", one.key(STATE))
        one.store(body("Another?"))
        await until(lambda: one.sharing.outbox.sent == 121)
        async with a_replica(redis_url) as joined:
            await until(lambda: joined.has(body("Another?")))


async def test_messages_go_with_their_age(redis_url: str) -> None:
    async with a_replica(redis_url, ttl_s=1.0) as one:
        for number in range(5):
            one.store(body(f"Question {number}?"))
        await until(lambda: one.sharing.outbox.sent == 5)
        assert 0 < await one.sharing.link.call("PTTL", one.key(CACHE)) <= 1000


async def test_what_could_not_be_told_is_told_when_redis_is_back(tmp_path: Path) -> None:
    async with a_redis(tmp_path) as server, a_replica(server.url) as one, a_replica(server.url) as two:
        one.store(body("Early?"))
        await until(lambda: two.has(body("Early?")))
        await server.stop()
        await until(lambda: not one.sharing.link.up)
        early = ticket(one.cache, body("Early?")).keys
        assert early is not None
        one.cache.evict(early.exact)
        for number in range(100):
            one.store(body(f"Question {number}?"))
        assert one.sharing.status().waiting == 101
        await server.start()
        await until(lambda: two.has(body("Question 99?")) and not two.has(body("Early?")))
        assert one.sharing.status().waiting == 0


async def test_that_an_answer_is_wrong_outlives_a_redis_that_forgot_it(tmp_path: Path) -> None:
    async with a_redis(tmp_path) as server, a_replica(server.url) as one, a_replica(server.url) as two:
        one.store(body())
        await until(lambda: two.has(body()))
        await two.sharing.follower.aclose()  # it reads too slowly
        key = ticket(one.cache, body()).keys
        assert key is not None
        one.cache.evict(key.exact)
        await until(lambda: len(one.sharing.outbox) == 0)
        await server.kill()
        await until(lambda: not one.sharing.link.up and not two.sharing.link.up)
        await server.start()
        two.sharing.follower.start()
        await until(lambda: not two.has(body()))


async def test_a_redis_whose_messages_are_numbered_lower_is_followed(redis_url: str) -> None:
    """Another machine took its place, whose clock is behind."""
    async with a_replica(redis_url) as one, a_replica(redis_url) as two:
        one.store(body())
        await until(lambda: two.has(body()))
        ((_, fields),) = await one.sharing.link.call("XRANGE", one.key(CACHE), "-", "+")
        one.store(body("Another?"))
        await until(lambda: two.has(body("Another?")))
        key = ticket(two.cache, body()).keys
        assert key is not None
        two.cache.shelf.let_go([key.exact], "removed")
        assert not two.has(body())
        await one.sharing.link.call("DEL", one.key(CACHE))
        await one.sharing.link.call("XADD", one.key(CACHE), "5-1", *fields)
        await one.sharing.link.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await until(lambda: two.has(body()))


async def test_a_pair_that_was_called_wrong_is_banned_everywhere(redis_url: str) -> None:
    kept, asked = b"k" * 32, b"a" * 32
    async with a_replica(redis_url) as one, a_replica(redis_url) as two:
        one.cache.judge.ban(kept, asked)
        await until(lambda: two.cache.judge.is_banned(kept, asked))
        async with a_replica(redis_url) as joined:
            await until(lambda: joined.cache.judge.is_banned(kept, asked))
            assert not joined.cache.judge.is_banned(asked, kept)


async def test_reports_tighten_every_servers_budget(redis_url: str) -> None:
    async with a_replica(redis_url) as one, a_replica(redis_url) as two:
        for replica in (one, two):
            replica.cache.judge.adopt(Scores(9.0), TRAPS, name="v/1")
        before = two.cache.judge.standing("acme").threshold
        assert before is not None
        for number in range(5):
            served = Trial(f"request-{number}", 9.0, time.time())
            one.cache.judge.served("acme", "v/1", served)
            rated = msgspec.structs.replace(served, rating="bad")
            one.cache.judge.rated("acme", "v/1", rated, now=time.time())
        await until(lambda: two.cache.judge.reports == 5)
        assert one.cache.judge.standing("acme") == two.cache.judge.standing("acme")
        assert (two.cache.judge.standing("acme").threshold or math.inf) > before
        assert two.cache.judge.standing("other").threshold == before
