"""Who has to leave: GreedyDual-Size-Frequency, against the plainest program that does the same."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from router.cache.eviction import SLACK, GreedyDual
from router.cache.store import Entry, MemoryStore
from router.cache.worth import saved_usd, worth_usd
from router.types import Usage
from tests.cache.support import answer

KEYS = st.sampled_from([bytes([number]) for number in range(12)])


class PlainRanking:
    """The same, by looking at all of them every time."""

    def __init__(self) -> None:
        self.age = 0.0
        self.ranks: dict[bytes, float] = {}
        self.uses: dict[bytes, int] = {}
        self.credits: dict[bytes, float] = {}

    def add(self, key: bytes, worth: float, size: int, uses: int) -> None:
        self.uses[key] = uses
        self.credits[key] = worth / size
        self.ranks[key] = self.age + uses * self.credits[key]

    def touch(self, key: bytes) -> None:
        self.uses[key] += 1
        self.ranks[key] = self.age + self.uses[key] * self.credits[key]


class InAnyOrder(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.ranking = GreedyDual()
        self.plain = PlainRanking()

    @rule(key=KEYS, worth=st.floats(1e-7, 1.0), size=st.integers(1, 10_000), uses=st.integers(1, 5))
    def add(self, key: bytes, worth: float, size: int, uses: int) -> None:
        if key in self.plain.ranks:
            return
        self.ranking.add(key, worth=worth, size=size, uses=uses)
        self.plain.add(key, worth, size, uses)

    @rule(key=KEYS)
    def touch(self, key: bytes) -> None:
        if key in self.plain.ranks:
            self.ranking.touch(key)
            self.plain.touch(key)

    @rule(key=KEYS)
    def remove(self, key: bytes) -> None:
        if key in self.plain.ranks:
            self.ranking.remove(key)
            del self.plain.ranks[key]

    @precondition(lambda self: self.plain.ranks)
    @rule()
    def the_lowest_rank_leaves(self) -> None:
        key = self.ranking.least()
        assert self.plain.ranks[key] == min(self.plain.ranks.values())
        self.plain.age = self.plain.ranks.pop(key)
        assert self.ranking.age == self.plain.age
        self.ranking.remove(key)

    @invariant()
    def the_ranks_agree_and_the_heap_stays_small(self) -> None:
        assert {key: self.ranking.rank(key) for key in self.plain.ranks} == self.plain.ranks
        assert len(self.ranking._heap) <= 2 * len(self.ranking) + SLACK + 1


InAnyOrder.TestCase.settings = settings(max_examples=30, stateful_step_count=50, deadline=None)
TestRankingInAnyOrder = InAnyOrder.TestCase


def entry(name: str, *, usd: str = "0.001", size: int = 1000) -> Entry:
    kept = msgspec.structs.replace(answer(), cost_usd=Decimal(usd))
    return Entry(name.encode(), b"p", (name,), None, kept, 0.0, 1e9, size)


def names(store: MemoryStore) -> set[str]:
    return {kept.exact.decode() for kept in store.entries()}


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(max_entries=3, max_bytes=10_000, on_drop=lambda _: None)


def test_the_cheapest_per_byte_leaves_first(store: MemoryStore) -> None:
    for kept in (
        entry("dear", usd="0.01"),
        entry("large", usd="0.01", size=9 * 1000 // 2),
        entry("cheap", usd="0.004"),
    ):
        store.put(kept, 0.0)
    store.put(entry("new"), 0.0)
    assert names(store) == {"dear", "cheap", "new"}


def test_hits_count_as_much_as_dollars(store: MemoryStore) -> None:
    for kept in (entry("popular", usd="0.001"), entry("dear", usd="0.002"), entry("dearer", usd="0.0025")):
        store.put(kept, 0.0)
    for _ in range(2):
        store.used(b"popular")
    store.put(entry("new"), 0.0)
    assert names(store) == {"popular", "dearer", "new"}


def test_a_dear_answer_that_nobody_asks_for_leaves_in_the_end(store: MemoryStore) -> None:
    store.put(entry("dear", usd="0.05"), 0.0)
    for number in range(400):
        store.put(entry(f"cheap {number}", usd="0.001"), 0.0)
        if "dear" not in names(store):
            break
    assert 20 < number < 200


def test_an_answer_in_use_outlives_a_flood_of_answers_as_dear(store: MemoryStore) -> None:
    store.put(entry("asked for"), 0.0)
    for number in range(200):
        store.used(b"asked for")
        store.put(entry(str(number)), 0.0)
    assert "asked for" in names(store)


def test_a_free_models_answer_is_worth_its_tokens_and_a_dear_ones_far_more() -> None:
    usage = Usage(prompt_tokens=100, completion_tokens=300)
    free = msgspec.structs.replace(answer(), usage=usage, cost_usd=Decimal(0))
    unknown = msgspec.structs.replace(free, cost_usd=None)
    dear = msgspec.structs.replace(free, cost_usd=Decimal("0.0026"))
    assert worth_usd(free) == worth_usd(unknown) == pytest.approx(4e-5)
    assert worth_usd(dear) == 0.0026
    assert worth_usd(answer()) > 0


def test_what_was_saved_is_unknown_where_the_price_is_and_never_zero_by_guess(store: MemoryStore) -> None:
    priced, unpriced = entry("priced", usd="0.002"), Entry(b"unpriced", b"p", None, None, answer(), 0.0, 1e9, 10)
    for kept in (priced, unpriced):
        store.put(kept, 0.0)
        store.used(kept.exact)
        store.used(kept.exact)
    assert saved_usd(priced.answer, store.hits(b"priced")) == Decimal("0.004")
    assert saved_usd(unpriced.answer, store.hits(b"unpriced")) is None
    assert store.counts.saved_usd == Decimal("0.004")


class BoundsInAnyOrder(RuleBasedStateMachine):
    """A store through any order of calls: its bounds hold, and it keeps no expired or departed entry."""

    MAX_ENTRIES, MAX_BYTES = 5, 3000

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.left: list[Entry] = []
        self.held: dict[bytes, Entry] = {}
        self.store = MemoryStore(max_entries=self.MAX_ENTRIES, max_bytes=self.MAX_BYTES, on_drop=self.drop)

    def drop(self, gone: Entry) -> None:
        assert self.held.pop(gone.exact) is gone

    @rule(
        key=KEYS,
        size=st.integers(1, 3500),
        usd=st.floats(0, 0.1),
        ttl=st.sampled_from([1.0, 5.0, 50.0]),
        at=st.booleans(),
    )
    def put(self, key: bytes, size: int, usd: float, ttl: float, at: bool) -> None:
        kept = msgspec.structs.replace(answer(), cost_usd=Decimal(usd))
        made = Entry(key, b"p", None, None, kept, self.now, self.now + ttl, size)
        self.putting(made, hits=3 if at else 0)

    def putting(self, made: Entry, hits: int) -> None:
        if self.store.put(made, self.now, hits):
            self.held[made.exact] = made
        else:
            assert made.size > self.MAX_BYTES

    @rule(key=KEYS)
    def get(self, key: bytes) -> None:
        found = self.store.get(key, self.now)
        assert found is self.held.get(key)
        if found is not None:
            assert found.expires_at > self.now
            before = self.store.hits(key)
            assert self.store.used(key) == before + 1

    @rule(key=KEYS)
    def remove(self, key: bytes) -> None:
        was_here = key in self.held
        assert self.store.remove(key) is was_here

    @rule(seconds=st.sampled_from([-3.0, 0.5, 4.0, 60.0]))
    def wait_or_turn_the_clock_back(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def purge(self) -> None:
        before = len(self.held)
        assert self.store.purge(self.now) == before - len(self.held)
        assert all(kept.expires_at > self.now for kept in self.held.values())

    @rule()
    def clear(self) -> None:
        before = len(self.held)
        assert self.store.clear() == before
        assert not self.held

    @invariant()
    def bounds_hold_and_sums_agree(self) -> None:
        kept: dict[bytes, Any] = {each.exact: each for each in self.store.entries()}
        assert kept == self.held
        assert len(self.store) == len(kept) <= self.MAX_ENTRIES
        assert self.store.size == sum(each.size for each in kept.values()) <= self.MAX_BYTES


BoundsInAnyOrder.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestBoundsInAnyOrder = BoundsInAnyOrder.TestCase
