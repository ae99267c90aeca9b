"""The verdict by rule on two questions: no trap passes, and a fair share of true rewordings does."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from router.cache.verify import WordingVerifier
from router.cache.would_hit import Conversation, verdict
from router.scoring.pair import SERVED_FROM, Wording, pair_features, pair_score
from router.scoring.verifier.evidence import upper_limit
from router.scoring.wording import normal_form
from router.scoring.wording_names import PLAIN_NAMES
from tests.cache.support import rows

TRAPS = rows("traps.jsonl")
REWORDINGS = rows("rewordings.jsonl")
FAMILIES = sorted({trap["family"] for trap in TRAPS})
QQP = Path(__file__).resolve().parents[3] / "shared" / "data" / "qqp" / "pairs.jsonl.gz"


def by_rule(cached: Conversation, new: Conversation) -> float:
    return verdict(WordingVerifier(), cached, new)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_trap_of_the_family_passes(family: str) -> None:
    pairs = [(trap["a"], trap["b"]) for trap in TRAPS if trap["family"] == family]
    assert [pair for pair in pairs if by_rule(*pair) >= SERVED_FROM or by_rule(*pair[::-1]) >= SERVED_FROM] == []


def test_the_traps_are_many_and_whole_families_were_held_out() -> None:
    held_out = {trap["family"] for trap in TRAPS if trap["held_out"]}
    seen = {trap["family"] for trap in TRAPS if not trap["held_out"]}
    assert len(TRAPS) >= 300
    assert len(held_out) >= 8
    assert not held_out & seen
    assert upper_limit(0, len(TRAPS)) < 0.01


def test_more_than_half_of_the_rewordings_are_served() -> None:
    served = sum(by_rule(pair["a"], pair["b"]) >= SERVED_FROM for pair in REWORDINGS)
    assert len(REWORDINGS) >= 150
    assert served / len(REWORDINGS) >= 0.6


def test_hardly_any_pair_that_people_called_different_is_served() -> None:
    if not QQP.is_file():
        pytest.skip(f"the Quora pairs are not here: {QQP}")
    with gzip.open(QQP) as lines:
        pairs = [msgspec.json.decode(line) for line in lines]
    negatives = [pair for pair in pairs if not pair["label"]][:20_000]
    wrong = sum(normal_form(pair["text_a"]) == normal_form(pair["text_b"]) for pair in negatives)
    assert upper_limit(wrong, len(negatives)) < 0.002


def test_the_cache_serves_just_what_the_score_says() -> None:
    verifier = WordingVerifier()
    for pair in (*TRAPS, *REWORDINGS):
        served = verifier.same(verifier.prepare((pair["a"],)), verifier.prepare((pair["b"],)))
        assert served == (pair_score(pair["a"], pair["b"]) >= SERVED_FROM), pair


SAME = [
    ("What's the capital of France?", "Could you tell me what the capital of France is, please?"),
    ("Who is Tom Hanks's wife?", "Who is the wife of Tom Hanks?"),
    ("In Python, how do I sort a dict?", "How can I sort a dict using Python?"),
    ("Write a poem about rain.", "Can you please write me a poem about rain? Thanks a lot!"),
    ("Why is the sky blue", "how come the sky is blue?"),
    ("How far is 5km in miles?", "How far is 5 kilometres in miles?"),
    ("Please translate good night to Thai", "translate good night to Thai."),
    ("What is 1,500 divided by 3?", "what is 1500 divided by 3"),
]


@pytest.mark.parametrize(("one", "two"), SAME)
def test_different_clothes_do_not_make_a_different_question(one: str, two: str) -> None:
    assert by_rule(one, two) >= SERVED_FROM
    assert normal_form(one) == normal_form(two)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("def f():\n  return 1", "def f():\n return 1"),
        ('Say "please"', 'Say "Please"'),
        ("x" * 400, "x" * 400 + "?"),
        ("Print: hello.", "Print: hello"),
    ],
)
def test_code_quotes_and_long_texts_are_taken_letter_by_letter(one: str, two: str) -> None:
    assert by_rule(one, two) < SERVED_FROM
    assert by_rule(one, one) == 1.0


@given(st.text(max_size=40), st.text(max_size=40))
def test_the_verdict_is_symmetric_and_a_fraction(one: str, two: str) -> None:
    score = pair_score(one, two)
    assert 0.0 <= score <= 1.0
    assert score == pair_score(two, one)


@given(st.text(max_size=60))
def test_every_text_means_what_it_means(text: str) -> None:
    assert pair_score(text, text) >= SERVED_FROM
    assert all(0.0 <= feature <= 1.0 for feature in pair_features(Wording.of(text), Wording.of(text)))


WORDS = st.sampled_from("what is the capital of france how do i to reverse a list not 5 7 from paris rome".split())


@given(
    st.lists(WORDS, min_size=1, max_size=9),
    st.integers(0, 8),
    st.sampled_from(["not", "never", "8", "without", "Oslo"]),
)
def test_one_word_more_of_a_kind_that_matters_is_always_noticed(words: list[str], place: int, extra: str) -> None:
    changed = [*words[:place], extra, *words[place:]]
    assert pair_score(" ".join(words), " ".join(changed)) < SERVED_FROM


@given(st.text("abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=8), st.data())
def test_a_capital_within_the_sentence_is_noticed_unless_it_marks_a_plain_name(word: str, data: Any) -> None:
    assume(word not in PLAIN_NAMES)
    place = data.draw(st.integers(0, len(word) - 1))
    other = word[:place] + word[place].upper() + word[place + 1 :]
    assert pair_score(f"What does the {word} do?", f"What does the {other} do?") < SERVED_FROM


FOREIGN = (
    "ist das der richtige weg nach hause puedo comer uvas con vino no nicht kein peut on boire cette eau pas mi papa "
    "sie Sie él el 我 可以 不 吃 犬 猫 да нет можно"
).split()


@given(st.lists(st.sampled_from(FOREIGN), min_size=2, max_size=8), st.integers(0, 7), st.sampled_from(FOREIGN))
def test_what_is_not_known_to_be_english_is_served_letter_by_letter_only(
    words: list[str], place: int, other: str
) -> None:
    text = " ".join(words) + "?"
    place %= len(words)
    changed = " ".join([*words[:place], other, *words[place + 1 :]]) + "?"
    assert (pair_score(text, changed) >= SERVED_FROM) == (text == changed)
    assert pair_score(text, text.upper()) < SERVED_FROM or text == text.upper()
    assert pair_score(text, text.replace(" ", "  ")) >= SERVED_FROM


@given(st.lists(st.sampled_from(["7", "12", "120", "2,000", "3.5"]), min_size=2, max_size=4), st.randoms())
def test_numbers_in_another_order_are_another_question(numbers: list[str], chance: Any) -> None:
    shuffled = list(numbers)
    chance.shuffle(shuffled)
    same = numbers == shuffled
    assert (pair_score("add " + " and ".join(numbers), "add " + " and ".join(shuffled)) >= SERVED_FROM) == same


History = Callable[[str], list[dict[str, str]]]


def conversation(*turns: str) -> list[dict[str, str]]:
    return [{"role": "user" if at % 2 == 0 else "assistant", "content": turn} for at, turn in enumerate(turns)]


def test_every_turn_of_a_conversation_must_say_the_same() -> None:
    cached = conversation("Tell me about Oslo.", "It is in Norway.", "How many people live in Oslo?")
    reworded = conversation("Tell me about Oslo.", "It is in Norway.", "What is the population of Oslo?")
    elsewhere = conversation("Tell me about Rome.", "It is in Italy.", "How many people live in Oslo?")
    assert by_rule(cached, reworded) >= SERVED_FROM
    earlier = conversation("Please tell me about Oslo.", "It is in Norway.", "How many people live in Oslo?")
    assert by_rule(cached, earlier) >= SERVED_FROM
    assert by_rule(cached, elsewhere) < SERVED_FROM
    assert by_rule(cached, "How many people live in Oslo?") == 0.0


def test_a_text_and_its_only_message_are_the_same_conversation() -> None:
    assert by_rule("Why is the sky blue?", conversation("Why is the sky blue?")) == 1.0


def test_what_is_no_conversation_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        by_rule([{"role": "wizard", "content": "x"}], "x")
    assert by_rule([], "x") == by_rule([], []) == 0.0
