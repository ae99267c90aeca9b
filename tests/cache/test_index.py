"""The index against a brute-force model of it, on both sides of the size from which it sorts vectors into cells."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from router.cache.cells import Cells
from router.cache.index import FloatArray, PartitionIndex
from router.cache.rows import Rows
from router.scoring.scorer import Scorer
from tests.bench.questions import chunks_of_vectors, repository_questions, vectors_of
from tests.conftest import REPOSITORY

DIM = 12
HALF_WIDTH = 1e-3
"""Cosines from vectors of 16 bits differ by less."""


def unit(seed: int, dim: int = DIM) -> FloatArray:
    vector = np.random.default_rng(seed).standard_normal(dim).astype(np.float32)
    return vector / np.float32(np.linalg.norm(vector))


def key(number: int) -> bytes:
    return b"key %d" % number


def filled(count: int, flat_to: int) -> PartitionIndex:
    """An index of one partition ``p`` with the keys 0 to count, cells made where they are due."""
    index = PartitionIndex(flat_to=flat_to)
    for number in range(count):
        index.add(b"p", key(number), unit(number))
    index.wait()
    return index


def form(index: PartitionIndex) -> type[Rows | Cells]:
    return type(index._partitions[b"p"].held)


def all_keys(index: PartitionIndex, partition: bytes = b"p") -> set[bytes]:
    # Of a few hundred vectors all cells are looked into.
    return {neighbour.exact for neighbour in index.nearest(partition, unit(0), 10_000)}


partitions = st.sampled_from([b"one", b"two"])
numbers = st.integers(0, 120)
seeds = st.integers(0, 2**32 - 1)


class IndexAgainstModel(RuleBasedStateMachine):
    """Any order of changes and questions, while cells are being made and after."""

    @initialize(flat_to=st.integers(8, 40))
    def start(self, flat_to: int) -> None:
        self.index = PartitionIndex(flat_to=flat_to)
        self.model: dict[bytes, dict[bytes, FloatArray]] = {}

    @rule(partition=partitions, first=numbers, count=st.integers(1, 60), seed=seeds)
    def add_or_replace(self, partition: bytes, first: int, count: int, seed: int) -> None:
        for number in range(first, first + count):
            vector = unit(seed + number)
            self.index.add(partition, key(number), vector)
            self.model.setdefault(partition, {})[key(number)] = vector

    @rule(partition=partitions, first=numbers, count=st.integers(1, 60), step=st.integers(1, 3))
    def remove(self, partition: bytes, first: int, count: int, step: int) -> None:
        for number in range(first, first + count * step, step):
            self.index.remove(partition, key(number))
            self.model.get(partition, {}).pop(key(number), None)
        if not self.model.get(partition, {1: 1}):
            del self.model[partition]

    @rule()
    def let_it_settle(self) -> None:
        self.index.wait()

    @rule(partition=partitions, seed=seeds, count=st.integers(1, 8))
    def ask(self, partition: bytes, seed: int, count: int) -> None:
        held = self.model.get(partition, {})
        question = unit(seed)
        found = self.index.nearest(partition, question, count)
        assert len(found) == min(count, len(held))
        best = sorted((float(vector @ question) for vector in held.values()), reverse=True)
        for neighbour, similarity in zip(found, best, strict=False):
            assert neighbour.similarity == pytest.approx(similarity, abs=HALF_WIDTH)
            assert neighbour.similarity == pytest.approx(float(held[neighbour.exact] @ question), abs=HALF_WIDTH)

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        if not hasattr(self, "model"):
            return
        assert len(self.index) == sum(len(held) for held in self.model.values())
        assert self.index.partitions == len(self.model)
        for partition, held in self.model.items():
            assert partition in self.index
            assert all_keys(self.index, partition) == set(held)

    def teardown(self) -> None:
        if hasattr(self, "index"):
            self.index.wait()
            self.holds_what_the_model_holds()


IndexAgainstModel.TestCase.settings = settings(max_examples=30, stateful_step_count=15, deadline=None)
TestIndexAgainstModel = IndexAgainstModel.TestCase


def test_a_partition_is_compared_whole_up_to_the_limit_and_sorted_into_cells_beyond_it() -> None:
    assert form(filled(300, flat_to=300)) is Rows
    assert form(filled(301, flat_to=300)) is Cells


def test_a_partition_that_shrank_is_compared_whole_again() -> None:
    index = filled(400, flat_to=200)
    for number in range(380):
        index.remove(b"p", key(number))
    assert form(index) is Rows
    assert all_keys(index) == {key(number) for number in range(380, 400)}


def test_cells_are_made_anew_when_as_much_was_added_as_they_were_made_of() -> None:
    index = filled(201, flat_to=200)
    before = index._partitions[b"p"].held
    for number in range(201, 402):
        index.add(b"p", key(number), unit(number))
    index.wait()
    after = index._partitions[b"p"].held
    assert isinstance(after, Cells)
    assert after is not before
    assert all_keys(index) == {key(number) for number in range(402)}


def test_an_answer_that_is_stored_again_and_again_crowds_nothing_out() -> None:
    index = filled(400, flat_to=200)
    for _ in range(300):
        index.remove(b"p", key(7))
        index.add(b"p", key(7), unit(7))
        index.add(b"p", key(7), unit(7))
    found = index.nearest(b"p", unit(7), 8)
    assert len({neighbour.exact for neighbour in found}) == 8
    assert found[0].exact == key(7)
    assert len(index) == 400


def test_damaged_cells_still_answer_and_are_given_up() -> None:
    index = filled(400, flat_to=200)
    cells = index._partitions[b"p"].held
    assert isinstance(cells, Cells)
    cells._file.reset()  # every short form gone
    assert index.nearest(b"p", unit(7), 1)[0].exact == key(7)
    assert form(index) is Rows
    assert all_keys(index) == {key(number) for number in range(400)}


@pytest.mark.parametrize("change", ["add", "replace", "remove"])
def test_a_change_that_damaged_cells_refuse_is_made_all_the_same(change: str) -> None:
    index = filled(400, flat_to=200)
    cells = index._partitions[b"p"].held
    assert isinstance(cells, Cells)
    cells._file = None
    expected = {key(number) for number in range(400)}
    if change == "remove":
        index.remove(b"p", key(3))
        expected.discard(key(3))
    else:
        number = 400 if change == "add" else 3
        index.add(b"p", key(number), unit(1000))
        expected.add(key(number))
        assert index.nearest(b"p", unit(1000), 1)[0].exact == key(number)
    assert all_keys(index) == expected


def test_vectors_that_cannot_be_sorted_into_cells_are_compared_whole() -> None:
    index = PartitionIndex(flat_to=700)
    index.add(b"p", b"damaged", np.full(DIM, np.nan, dtype=np.float32))
    for number in range(900):
        index.add(b"p", key(number), unit(number))
    index.wait()
    assert form(index) is Rows
    assert index.nearest(b"p", unit(7), 1)[0].exact == key(7)


def test_many_threads_may_change_and_ask_at_once_and_nothing_is_lost() -> None:
    index = PartitionIndex(flat_to=150)
    each, failures = 500, []

    def change(worker: int) -> None:
        try:
            for number in range(worker * each, (worker + 1) * each):
                index.add(b"p", key(number), unit(number))
                if number % 3 == 0:
                    index.remove(b"p", key(number))
                if number % 7 == 0:
                    assert len(index.nearest(b"p", unit(number), 8)) <= 8
        except Exception as error:  # noqa: BLE001 - shown below, in the thread of the test
            failures.append(error)

    workers = [threading.Thread(target=change, args=(worker,)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    index.wait()
    assert failures == []
    assert form(index) is Cells
    kept = [number for number in range(4 * each) if number % 3]
    assert len(index) == len(kept)
    assert [index.nearest(b"p", unit(number), 1)[0].exact for number in kept] == [key(number) for number in kept]


def test_a_process_may_end_while_cells_are_being_made() -> None:
    program = """
import numpy as np
from router.cache.index import PartitionIndex
index = PartitionIndex(flat_to=15_000)
vectors = np.random.default_rng(0).standard_normal((15_001, 64), dtype=np.float32)
for number, vector in enumerate(vectors):
    index.add(b"p", b"%d" % number, vector)
"""
    ended = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_cells_find_the_nearest_of_real_questions_99_times_of_100() -> None:
    scorer = Scorer.load()
    kept, reworded = repository_questions()
    real = vectors_of(kept, scorer.encode)
    vectors = np.concatenate(list(chunks_of_vectors(real, 3 * len(real))))
    flat, cells = PartitionIndex(flat_to=len(vectors)), PartitionIndex(flat_to=len(vectors) - 1)
    for number, vector in enumerate(vectors):
        flat.add(b"p", key(number), vector)
        cells.add(b"p", key(number), vector)
    cells.wait()
    assert (form(flat), form(cells)) == (Rows, Cells)
    first = shared = 0
    for text in reworded:
        question = scorer.encode(text)
        expected = [neighbour.exact for neighbour in flat.nearest(b"p", question, 4)]
        found = [neighbour.exact for neighbour in cells.nearest(b"p", question, 4)]
        first += found[0] == expected[0]
        shared += len(set(found) & set(expected))
    assert first / len(reworded) >= 0.99
    assert shared / (4 * len(reworded)) >= 0.98
