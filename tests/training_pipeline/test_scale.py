"""Work grows with the number of votes and no faster: counted, not timed."""

from __future__ import annotations

import cProfile
import pstats
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench.training_scale import resampled, write_votes
from training.corpus import read_source
from training.pipeline import train
from training.plan import Plan

SIZES = (500, 1_000, 2_000)
LINEAR = 2.3
"""How much more the second step may take than the first, half as long: 2, and some for chance. Quadratic is 4."""


@pytest.fixture(scope="module")
def votes(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    folder = tmp_path_factory.mktemp("votes")
    for rows in SIZES:
        write_votes(folder / f"{rows}.csv", rows, sample / "battles.jsonl")
    return {rows: folder / f"{rows}.csv" for rows in SIZES}


@pytest.fixture(scope="module")
def trained(votes: dict[int, Path], sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], None]:
    """Trains on so many votes; once before, so that what is loaded for good is loaded."""
    out = tmp_path_factory.mktemp("out")

    def run(rows: int) -> None:
        plan = Plan(
            data=None,
            out=out / str(rows),
            name="scale",
            version="1",
            battles=(str(votes[rows]),),
            classifier="ridge",
            test_sets=sample / "benchmarks",
        )
        train(plan, lambda _line: None)

    run(SIZES[0])
    return run


def test_resampled_votes_are_read_as_the_published_set_and_nearly_all_differ(votes: dict[int, Path]) -> None:
    battles = read_source(str(votes[SIZES[-1]])).battles
    assert len(battles) > 0.99 * SIZES[-1]
    assert len({battle.prompt for battle in battles}) > 0.9 * SIZES[-1]


def test_resampling_is_the_same_every_time_and_begins_alike_whatever_the_number(sample: Path) -> None:
    own = read_source(str(sample / "battles.jsonl")).battles
    assert list(resampled(own, 20)) == list(resampled(own, 40))[:20]


def test_a_further_vote_takes_no_more_calls_where_there_are_more_already(trained: Callable[[int], None]) -> None:
    calls = {}
    for rows in SIZES:
        profile = cProfile.Profile()
        profile.runcall(trained, rows)
        calls[rows] = pstats.Stats(profile).total_calls  # type: ignore[attr-defined]
    small, middle, large = (calls[rows] for rows in SIZES)
    assert large - middle < LINEAR * (middle - small)


def test_twice_the_votes_take_at_most_twice_the_memory(trained: Callable[[int], None]) -> None:
    peaks = []
    for rows in SIZES[1:]:
        tracemalloc.start()
        trained(rows)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0]
