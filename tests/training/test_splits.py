"""Slices that do not know one another."""

from __future__ import annotations

import pytest

from training.records import Labelled
from training.splits import group_of, leave_one_source_out, split_by_group

SHARES = {"fit": 0.7, "calibrate": 0.2, "hold": 0.1}


def row(prompt, source="s"):
    group = group_of(prompt)
    return Labelled(prompt=prompt, source=source, family="chat", target=0, strong_wins=None, weight=1, group=group)


def words(number):
    """A prompt of letters that no other number gives."""
    return "".join("abcdefghij"[int(digit)] for digit in str(number))


def test_prompts_that_differ_in_case_spacing_punctuation_or_numbers_are_one_group():
    assert group_of("What is 2 + 2?") == group_of("what is  17+4")
    assert group_of("What is 2 + 2?") != group_of("Who is 2 + 2?")


def test_prompts_without_letters_are_told_apart():
    assert group_of("2+2") != group_of("17*4")


def test_a_group_never_lies_in_two_slices():
    rows = [row(f"exercise {words(number % 50)} with {number}") for number in range(500)]
    slices = split_by_group(rows, SHARES)
    groups = [{labelled.group for labelled in part} for part in slices.values()]
    assert sum(len(part) for part in slices.values()) == 500
    assert sum(map(len, groups)) == len(set().union(*groups)) == 50


def test_slices_have_about_their_shares():
    slices = split_by_group([row(words(number)) for number in range(5000)], SHARES)
    assert [round(len(part) / 5000, 1) for part in slices.values()] == [0.7, 0.2, 0.1]


def test_more_data_never_moves_a_prompt_to_another_slice():
    before = split_by_group([row(words(number)) for number in range(100)], SHARES)
    after = split_by_group([row(words(number)) for number in range(1000)], SHARES)
    for name, part in before.items():
        assert {labelled.prompt for labelled in part} <= {labelled.prompt for labelled in after[name]}


def test_another_seed_gives_another_split():
    rows = [row(words(number)) for number in range(100)]
    assert split_by_group(rows, SHARES, seed=1) != split_by_group(rows, SHARES, seed=2)


def test_shares_that_do_not_add_up_are_refused():
    with pytest.raises(ValueError, match="add up to"):
        split_by_group([], {"fit": 0.5})


def test_a_held_out_source_shares_no_prompt_with_the_rest():
    rows = [row("only here", "a"), row("in both", "a"), row("in BOTH!", "b"), row("only there", "b")]
    held = {source: (rest, own) for source, rest, own in leave_one_source_out(rows)}
    assert [labelled.prompt for labelled in held["a"][0]] == ["only there"]
    assert [labelled.prompt for labelled in held["a"][1]] == ["only here", "in both"]
    assert [labelled.prompt for labelled in held["b"][0]] == ["only here"]
