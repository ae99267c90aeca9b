"""Pairs as a matrix."""

from __future__ import annotations

from pathlib import Path

from router.scoring.verifier.features import NAMES
from training.pairs.design import design
from training.pairs.readers import static_reader
from training.pairs.records import RequestPair


def test_a_row_has_the_figures_of_its_names(repository: Path) -> None:
    pair = RequestPair("Where to?", "Where from?", False, "questions", "1")
    (row,) = design([pair], static_reader(repository / "models" / "default" / "1"))
    assert row[NAMES.index("direction_left")] == 2
    assert 0 < row[NAMES.index("cosine")] < 1
