"""What the words of a pair tell."""

from __future__ import annotations

import pytest

from router.scoring.verifier.lexical import NAMES, Words, lexical_features


def words_of(first: str, second: str) -> dict[str, float]:
    return dict(zip(NAMES, lexical_features(Words.of(first), Words.of(second)), strict=True))


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
    assert words_of(*pair) == words_of(*reversed(pair))
