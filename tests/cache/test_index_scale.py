"""The index with a million vectors in one partition; with a few ten thousand unless long proofs run in full."""

from __future__ import annotations

import pytest

from router.cache.index import FLAT_TO
from tests.bench.cache_index import measure, report, vectors_to_ask
from tests.bench.machine import machine

BYTES_OF_FLAT = 1024
"""Bytes of one vector of 256 columns in full width."""


@pytest.mark.soak
def test_a_partition_of_any_size_finds_the_nearest_99_times_of_100(
    full: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = measure(1_000_000 if full else FLAT_TO + 5_000, *vectors_to_ask())
    with capsys.disabled():
        print(f"\n{machine()}\n{report(figures)}")
    assert figures["recall_at_1"] >= 0.99
    assert figures["recall_at_4"] >= 0.97
    assert figures["bytes_per_vector"] < BYTES_OF_FLAT
