"""The store: bounds, lifetimes and order of leaving; and the index, which must follow it exactly."""

from __future__ import annotations

import random
from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from router.cache.index import PartitionIndex
from router.cache.rows import FAISS_FROM
from router.cache.store import Entry, MemoryStore, entry_size
from tests.cache.support import answer


def entry(name: str, *, at: float = 0.0, ttl: float = 100.0, size: int = 10) -> Entry:
    return Entry(name.encode(), b"p", (name,), None, answer(), at, at + ttl, size)


@pytest.fixture
def dropped() -> list[Entry]:
    return []


@pytest.fixture
def make(dropped: list[Entry]) -> Callable[[int, int], MemoryStore]:
    return lambda entries, size: MemoryStore(max_entries=entries, max_bytes=size, on_drop=dropped.append)


Make = Callable[[int, int], MemoryStore]


def test_an_entry_is_found_until_its_time_is_up(make: Make, dropped: list[Entry]) -> None:
    store = make(10, 1000)
    store.put(entry("a"), 0.0)
    assert store.get(b"a", 99.9) is not None
    assert store.get(b"a", 100.0) is None
    assert (len(store), store.size, store.counts.expired) == (0, 0, 1)
    assert [gone.exact for gone in dropped] == [b"a"]


def test_a_clock_that_goes_backwards_drops_nothing(make: Make) -> None:
    store = make(10, 1000)
    store.put(entry("a", at=50.0), 50.0)
    assert store.get(b"a", -10.0) is not None


def test_of_equals_the_one_that_never_answered_goes_first(make: Make) -> None:
    store = make(2, 1000)
    store.put(entry("a"), 0.0)
    store.put(entry("b"), 0.0)
    store.used(b"a")
    store.put(entry("c"), 1.0)
    assert [store.get(name, 1.0) is not None for name in (b"a", b"b", b"c")] == [True, False, True]
    assert store.counts.evictions == 1


def test_looking_is_no_use(make: Make) -> None:
    store = make(2, 1000)
    store.put(entry("a"), 0.0)
    store.put(entry("b"), 0.0)
    store.peek(b"a")
    store.get(b"a", 1.0)
    store.put(entry("c"), 1.0)
    assert store.peek(b"a") is None


def test_bytes_are_bounded_too(make: Make) -> None:
    store = make(100, 25)
    for name in "abc":
        store.put(entry(name), 0.0)
    assert (len(store), store.size) == (2, 20)


def test_an_entry_too_large_for_the_store_pushes_nobody_out(make: Make) -> None:
    store = make(100, 25)
    store.put(entry("a"), 0.0)
    assert not store.put(entry("b", size=26), 0.0)
    assert store.get(b"a", 0.0) is not None


def test_a_second_answer_to_the_same_request_replaces_the_first(make: Make) -> None:
    store = make(10, 1000)
    store.put(entry("a", size=10), 0.0)
    store.put(entry("a", at=5.0, size=30), 5.0)
    assert (len(store), store.size) == (1, 30)
    kept = store.get(b"a", 102.0)
    assert kept is not None
    assert kept.stored_at == 5.0


def test_hits_pass_on_to_the_answer_that_takes_anothers_place(make: Make) -> None:
    store = make(10, 1000)
    store.put(entry("a"), 0.0)
    store.used(b"a")
    store.put(entry("a", at=5.0), 5.0, hits=2)
    assert store.hits(b"a") == 3
    assert store.counts.departed == {"replaced": 1}


def test_the_dead_leave_before_the_living_are_evicted(make: Make) -> None:
    store = make(2, 1000)
    store.put(entry("a", at=0.0), 0.0)
    store.put(entry("b", at=90.0), 90.0)
    store.used(b"a")
    store.put(entry("c", at=150.0), 150.0)
    assert store.counts.evictions == 0
    assert store.peek(b"b") is not None


def test_clearing_gives_back_every_byte(make: Make, dropped: list[Entry]) -> None:
    store = make(10, 1000)
    for name in "abc":
        store.put(entry(name), 0.0)
    assert store.clear() == 3
    assert (len(store), store.size, len(dropped)) == (0, 0, 3)
    assert store.put(entry("a"), 0.0)


def test_the_index_answers_as_plain_arithmetic_does_through_any_order_of_changes() -> None:
    generator, chance = np.random.default_rng(0), random.Random(0)
    index = PartitionIndex()
    model: dict[bytes, dict[bytes, np.ndarray]] = {}
    for step in range(2000):
        partition = b"big" if step % 4 else chance.choice([b"p", b"q"])
        rows = model.setdefault(partition, {})
        key = str(chance.randrange(1200)).encode()
        if key in rows and chance.random() < 0.5:
            index.remove(partition, key)
            del rows[key]
        else:
            vector = generator.standard_normal(16).astype(np.float32)
            rows[key] = vector / np.linalg.norm(vector)
            index.add(partition, key, rows[key])
    assert len(model[b"big"]) > FAISS_FROM > len(model[b"p"])
    assert len(index) == sum(len(rows) for rows in model.values())
    for partition, rows in model.items():
        query = generator.standard_normal(16).astype(np.float32)
        expected = sorted(rows, key=lambda name, query=query, rows=rows: -float(rows[name] @ query))[:8]
        found = index.nearest(partition, query, 8)
        assert [neighbour.exact for neighbour in found] == expected
        assert found[0].similarity == pytest.approx(float(rows[expected[0]] @ query), abs=1e-5)


def test_an_emptied_partition_leaves_nothing_behind() -> None:
    index = PartitionIndex()
    index.add(b"p", b"a", np.ones(4, dtype=np.float32))
    index.remove(b"p", b"a")
    index.remove(b"p", b"a")
    assert (len(index), index.partitions, b"p" in index) == (0, 0, False)
    assert index.nearest(b"p", np.ones(4, dtype=np.float32), 8) == []


def test_partitions_never_see_one_another() -> None:
    index = PartitionIndex()
    vector = np.ones(4, dtype=np.float32) / 2
    index.add(b"p", b"a", vector)
    index.add(b"q", b"b", vector)
    assert [neighbour.exact for neighbour in index.nearest(b"p", vector, 8)] == [b"a"]


def test_the_pieces_of_a_stream_count_among_an_entrys_bytes() -> None:
    plain = answer()
    streamed = msgspec.structs.replace(plain, pieces=(4,) * 2_000)
    plain_size, size = (entry_size(turns=None, answer=each, vector_bytes=0) for each in (plain, streamed))
    assert size - plain_size == 2_000 * 8
