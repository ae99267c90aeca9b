"""Conversations are compared turn by turn."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from router.types import Role
from training.pairs.folds import folds
from training.pairs.records import RequestPair, Turn, transcript
from training.pairs.turns import ALWAYS, NEVER, Units, changed_turns, turns_of

TALK = [
    Turn("system", "Be brief."),
    Turn("user", "We have 3 days\nin all."),
    Turn("assistant", "Good"),
    Turn("user", "Where?"),
]


def conversation(other: list[Turn]) -> RequestPair:
    return RequestPair(transcript(TALK), transcript(other), False, "conversations", "conversations-1", "history_number")


def test_a_transcript_can_be_taken_apart_again() -> None:
    assert turns_of(transcript(TALK)) == TALK


def test_only_turns_that_differ_are_compared() -> None:
    other = [*TALK[:1], Turn("user", "We have 2 days"), *TALK[2:]]
    (changed,) = changed_turns(conversation(other)) or []
    assert (changed.a, changed.b) == (TALK[1].content, "We have 2 days")


@pytest.mark.parametrize("role", get_args(Role))
def test_a_turn_of_any_role_is_told_apart(role: str) -> None:
    turns = [Turn(role, "One."), Turn("user", "Two?")]
    assert turns_of(transcript(turns)) == turns


@pytest.mark.parametrize("role", ["developer", "tool", "function"])
def test_what_is_no_wording_of_a_speaker_must_be_equal(role: str) -> None:
    a, b = (transcript([Turn(role, text), Turn("user", "Will it rain?")]) for text in ("Sunny.", "Rainy."))
    assert changed_turns(RequestPair(a, b, False, "conversations", "conversations-1")) is None


@pytest.mark.parametrize(
    "other", [[Turn("system", "Be long."), *TALK[1:]], TALK[1:], [*TALK[:2], Turn("user", "Good"), TALK[3]]]
)
def test_other_roles_or_another_system_prompt_are_never_served(other: list[Turn]) -> None:
    assert changed_turns(conversation(other)) is None
    assert Units.of_pairs([conversation(other)]).gathered(np.empty(0)).tolist() == [NEVER]


def test_a_conversation_is_as_good_as_its_least_alike_turn() -> None:
    single = RequestPair("a", "b", True, "questions", "questions-1")
    two = conversation([TALK[0], Turn("user", "2 days"), TALK[2], Turn("user", "Where to?")])
    units = Units.of_pairs([single, two, conversation(TALK)])
    assert units.gathered(np.array([0.5, -1.0, 3.0])).tolist() == [0.5, -1.0, ALWAYS]


def test_a_turn_is_learned_from_where_its_label_is_sure(made_pairs: list[RequestPair]) -> None:
    one = conversation([*TALK[:3], Turn("user", "Where to?")])
    two = conversation([TALK[0], Turn("user", "2 days"), TALK[2], Turn("user", "Where to?")])
    pairs = [*made_pairs, one, two]
    units = Units.of_pairs(pairs)
    dealt = [units.fold(fold) for fold in folds(pairs, 2)]
    assert sorted(place for fold in dealt for place in fold.test) == list(range(len(units.pairs)))
    assert units.teaches == [True] * (len(made_pairs) + 1) + [False] * 2
    assert all(units.teaches[place] for fold in dealt for place in fold.train)
