"""Bags as plain mappings say what ``Counter`` says."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from router.scoring.bags import dice, left_over, size

BAGS = st.lists(st.sampled_from("abcdef"), max_size=12).map(Counter)


@given(BAGS, BAGS)
def test_what_is_left_over_is_what_counter_subtracts_in_the_same_order(bag: Counter[str], other: Counter[str]) -> None:
    assert list(left_over(bag, other).items()) == list((bag - other).items())
    assert size(left_over(bag, other)) == (bag - other).total()


@given(BAGS, BAGS)
def test_dice_is_twice_what_is_shared_over_both_sizes(bag: Counter[str], other: Counter[str]) -> None:
    total = bag.total() + other.total()
    assert dice(bag, other) == dice(other, bag) == (2 * (bag & other).total() / total if total else 1.0)
