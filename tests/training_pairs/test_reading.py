"""Pairs as they are read, and traps that are made from them by rule."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace

from router.errors import DataError
from router.scoring.encoder import StaticEncoder
from tests.training_pairs.conftest import write_lines
from training.pairs.derived import derived_pairs
from training.pairs.edits import EDITS, Vocabulary, edited_traps
from training.pairs.harmless import harmless_rewordings
from training.pairs.near_words import near_words
from training.pairs.read import linked, read_own_pairs, read_qqp
from training.pairs.records import RequestPair

WORDS = Vocabulary(["Athens", "Oslo"], {"books": ["films"]})


def test_a_conversation_becomes_its_transcript(pair_folders: tuple[Path, Path]) -> None:
    pairs = read_own_pairs(pair_folders[0])
    talk = next(pair for pair in pairs if pair.source == "conversations")
    assert talk.a.splitlines()[:2] == ["user: We have 3 days.", "assistant: Take the train."]
    assert talk.a.splitlines()[2].startswith("user: How do I get from Paris")


def test_groups_of_questions_and_of_conversations_are_not_mistaken_for_one_another(
    pair_folders: tuple[Path, Path],
) -> None:
    pairs = read_own_pairs(pair_folders[0])
    assert len({pair.group for pair in pairs}) == 32


@pytest.mark.parametrize(
    "row", [{"group": 1, "a": "x"}, {"group": 1, "a": "x", "b": 3, "same_answer": True, "family": ""}]
)
def test_a_row_that_is_no_pair_is_refused_by_line(row: dict[str, object], tmp_path: Path) -> None:
    write_lines(tmp_path / "questions.jsonl", [row])
    with pytest.raises(DataError, match=r"questions\.jsonl:1: not a pair"):
        read_own_pairs(tmp_path)


def test_pairs_that_callers_judged_follow_ours_grouped_by_their_texts(pair_folders: tuple[Path, Path]) -> None:
    own = pair_folders[0]
    before = read_own_pairs(own)
    talk = [{"role": "user", "content": "Hello"}, {"role": "user", "content": "What is the time?"}]
    judged = [
        {"a": "turn it on", "b": "turn it off", "same_answer": False, "family": "reported"},
        {"a": talk, "b": talk[1:], "same_answer": True, "family": "reported"},
        {"a": "turn it off", "b": "switch it off", "same_answer": True, "family": "reported"},
    ]
    write_lines(own / "reported.jsonl", judged)
    pairs = read_own_pairs(own)
    assert pairs[:-3] == before
    assert [(pair.source, pair.group) for pair in pairs[-3:]] == [
        ("questions", "reported-0"),
        ("conversations", "reported-1"),
        ("questions", "reported-0"),
    ]
    assert pairs[-2].a == "user: Hello\nuser: What is the time?"


def test_a_judged_row_that_is_no_pair_is_refused_by_line(pair_folders: tuple[Path, Path]) -> None:
    write_lines(pair_folders[0] / "reported.jsonl", [{"a": "x", "b": "y", "same_answer": "no", "family": "reported"}])
    with pytest.raises(DataError, match=r"reported\.jsonl:1: not a pair"):
        read_own_pairs(pair_folders[0])


def test_questions_that_are_linked_over_others_are_one_group() -> None:
    assert linked([("a", "b"), ("c", "d"), ("b", "c"), ("e", "f")]) == [0, 0, 0, 1]


def test_fewer_of_quoras_pairs_leave_the_groups_as_they_are(pair_folders: tuple[Path, Path]) -> None:
    everything = {(pair.a, pair.b): pair.group for pair in read_qqp(pair_folders[1], most=99, seed=0)}
    some = read_qqp(pair_folders[1], most=5, seed=0)
    assert len(some) == 5
    assert all(everything[pair.a, pair.b] == pair.group for pair in some)


def test_a_data_folder_without_quoras_pairs_gives_none(tmp_path: Path) -> None:
    assert read_qqp(tmp_path, most=5, seed=0) == []


@pytest.mark.parametrize(
    ("family", "text", "kept"),
    [
        ("other_number", "List 48 books", "books"),
        ("other_name", "how far is Rome", "how far is"),
        ("sides_exchanged", "fly from Rome to Paris now", "fly from Paris to Rome now"),
        ("negated", "Should I not go", "Should I go"),
        ("negated", "Should I go", "Should I not go"),
        ("opposite", "Best way to pay", "Worst way to pay"),
        ("other_word", "List my books", "List my films"),
    ],
)
def test_each_rule_changes_one_detail(family: str, text: str, kept: str) -> None:
    edited = EDITS[family](text, random.Random(0), WORDS)
    if edited is None or edited == text:
        edited = EDITS[family](text, random.Random(1), WORDS)
    assert edited is not None
    assert edited != text
    assert kept in edited


def test_a_rule_that_finds_nothing_makes_nothing() -> None:
    assert all(rule("hello there", random.Random(0), WORDS) is None for rule in EDITS.values())


def test_rewordings_by_rule_keep_what_is_asked(made_pairs: list[RequestPair]) -> None:
    made = harmless_rewordings(made_pairs, most=16, seed=0)
    of_group = {pair.group: pair for pair in made_pairs if pair.same_answer}
    assert made
    for pair in made:
        assert pair.same_answer
        assert pair.a == of_group[pair.group].a
        assert pair.b != pair.a


def test_a_word_is_exchanged_for_one_that_stands_near_it() -> None:
    vectors = np.zeros((4, 2), np.int8)
    vectors[:3] = [[100, 0], [50, 87], [100, 5]]  # cosines to the first: 0.5 and nearly 1
    vocabulary = {"oslo": 0, "rome": 1, "osloer": 2, "[UNK]": 3}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = Lowercase(), Whitespace()
    encoder = StaticEncoder(tokenizer, vectors, np.ones(4, np.float32))
    assert near_words(["Oslo Rome Osloer"] * 8, encoder)["oslo"] == ["Rome"]


def test_traps_by_rule_come_from_rewordings_and_stay_in_their_group(made_pairs: list[RequestPair]) -> None:
    made = edited_traps(made_pairs, most=10, seed=0)
    of_group = {pair.group: pair for pair in made_pairs if pair.same_answer}
    assert len(made) == 10
    for trap in made:
        assert not trap.same_answer
        assert trap.a == of_group[trap.group].a
        assert trap.b != of_group[trap.group].b


def test_what_holds_of_a_request_holds_of_its_rewordings() -> None:
    group = [
        RequestPair("a", "b", True, "questions", "1", "typo"),
        RequestPair("a", "c", True, "questions", "1", "polite"),
        RequestPair("a", "t", False, "questions", "1", "number"),
    ]
    other = [RequestPair("x", "y", True, "questions", "2", "typo")]
    assert derived_pairs(group + other) == [
        RequestPair("b", "c", True, "questions", "1", "polite"),
        RequestPair("b", "t", False, "questions", "1", "number"),
        RequestPair("c", "t", False, "questions", "1", "number"),
    ]
