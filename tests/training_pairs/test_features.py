"""What is seen of a pair: words, and tokens with their nearest on the other side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.pairs import alignment, lexical
from training.pairs.alignment import Tokens, alignment_features
from training.pairs.design import NAMES, design
from training.pairs.lexical import lexical_features
from training.pairs.readers import static_reader
from training.pairs.records import RequestPair


def words_of(first: str, second: str) -> dict[str, float]:
    return dict(zip(lexical.NAMES, lexical_features(first, second), strict=True))


def tokens(*rows: tuple[float, float]) -> Tokens:
    vectors = np.array(rows, np.float32).reshape(len(rows), 2)
    kinds = np.zeros(len(rows), bool)
    return Tokens(vectors, np.ones(len(rows), np.float32), kinds, kinds)


def aligned(a: Tokens, b: Tokens) -> dict[str, float]:
    return dict(zip(alignment.NAMES, alignment_features(a, b), strict=True))


def test_a_number_is_the_same_in_words_and_digits() -> None:
    assert words_of("list fifteen towns", "list 15 towns")["numbers_left"] == 0
    assert words_of("list 50 towns", "list 15 towns")["numbers_left"] > 0


def test_sides_that_change_places_are_inverted() -> None:
    assert words_of("from Rome to Oslo", "from Oslo to Rome")["inversions"] > 0
    assert words_of("from Rome to Oslo", "from Rome to Oslo, please")["inversions"] == 0


@pytest.mark.parametrize(
    ("second", "name"),
    [
        ("How do I not turn it off?", "negation_left"),
        ("Why do I turn it off?", "question_left"),
        ("How do they turn it off?", "person_left"),
        ("How should I turn it off?", "modal_left"),
    ],
)
def test_a_word_of_a_kind_that_decides_is_counted(second: str, name: str) -> None:
    first = "How do I turn it off?"
    assert words_of(first, second)[name] > words_of(first, first)[name]


def test_opposites_are_seen_only_across_the_sides() -> None:
    assert words_of("open the port", "close the port")["opposites"] == 1
    assert words_of("open and close the port", "close and open the port")["opposites"] == 0


def test_words_say_the_same_both_ways_round() -> None:
    pair = ("How do I get from Rome to Oslo by 9?", "Oslo from Rome, not by train")
    assert lexical_features(*pair) == pytest.approx(lexical_features(*reversed(pair)))


def test_a_token_without_a_match_shows_in_the_least() -> None:
    a, b = tokens((1, 0), (0, 1)), tokens((1, 0), (1, 0))
    found = aligned(a, b)
    assert (found["least_low"], found["least_high"]) == (0, 1)
    assert found["more_below_0.4"] == 1
    assert found == aligned(b, a)


def test_a_side_without_tokens_has_no_figures() -> None:
    assert all(np.isnan(alignment_features(tokens(), tokens((1, 0)))))


def test_a_row_has_the_figures_of_its_names(repository: Path) -> None:
    pair = RequestPair("Where to?", "Where from?", False, "questions", "1")
    (row,) = design([pair], static_reader(repository / "models" / "default" / "1"))
    assert row[NAMES.index("direction_left")] == 2
    assert 0 < row[NAMES.index("cosine")] < 1
