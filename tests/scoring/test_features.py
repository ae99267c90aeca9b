from __future__ import annotations

from math import log1p

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.scoring.features import FEATURE_NAMES, features
from router.scoring.prompt import bound


def described(text: str, tokens: int = 10) -> dict[str, float]:
    values = features(text, np.zeros(tokens, np.int32))
    return dict(zip(FEATURE_NAMES, values.tolist(), strict=True))


def test_names_are_distinct_and_grouped() -> None:
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES)
    assert all(name.count(".") == 1 for name in FEATURE_NAMES)


def test_length_is_counted_in_characters_tokens_words_and_lines() -> None:
    found = described("one two\nthree", tokens=4)
    assert found["length.characters"] == pytest.approx(log1p(13))
    assert found["length.tokens"] == pytest.approx(log1p(4))
    assert found["length.words"] == pytest.approx(log1p(3))
    assert found["length.lines"] == pytest.approx(log1p(2))
    assert found["length.longest_line"] == pytest.approx(log1p(7))


def test_numbers_are_counted_as_numbers_and_as_digits() -> None:
    found = described("12 and 345")
    assert found["numbers.count"] == pytest.approx(log1p(2))
    assert found["numbers.most_digits"] == pytest.approx(log1p(3))
    assert found["numbers.digit_share"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("text", "run"),
    [
        ("Pick.\nA) one\nB) two\nC) three", 3),
        ("Pick (A) one (B) two (C) three (D) four", 4),
        ("A. one B. two", 2),
        ("Plan A. was good", 0),
        ("CIA. FBI. (B) one", 0),
        ("B) two C) three", 0),
    ],
)
def test_answer_options_count_as_a_run_from_a(text: str, run: int) -> None:
    assert described(text)["choice.options"] == pytest.approx(log1p(run))


def test_code_is_seen_in_fences_lines_and_words() -> None:
    found = described("Fix this Python function:\n```\ndef f(x):\n    return x;\n```")
    assert found["code.fences"] == pytest.approx(log1p(2))
    assert found["code.lines"] == pytest.approx(log1p(2))
    assert found["code.cue_words"] > 0


def test_latex_commands_and_symbols_count_as_maths() -> None:
    found = described(r"Solve $\frac{x}{2} = 3$ for x")
    assert found["maths.commands"] > 0
    assert found["maths.symbols"] > 0
    assert found["maths.cue_words"] > 0


def test_lists_are_seen() -> None:
    assert described("- a\n- b\n 1. c\nd - e")["constraint.list_items"] == pytest.approx(log1p(3))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("How do planes fly?", "opening.how_question"),
        ("who wrote it", "opening.fact_question"),
        ("Write a poem", "opening.make"),
        ("Is it late?", "opening.yes_no_question"),
        ("Prove that", "opening.problem"),
    ],
)
def test_the_first_word_says_how_a_prompt_opens(text: str, name: str) -> None:
    found = described(text)
    assert found[name] == 1.0
    assert sum(value for key, value in found.items() if key.startswith("opening.")) == 1.0


def test_other_scripts_are_told_from_accents_and_typographic_marks() -> None:
    assert described("漢字 漢字")["script.non_latin_share"] == pytest.approx(0.8)
    accents = described("\u201cdéjà vu\u201d \u2014 \u2211")
    assert accents["script.non_latin_share"] == 0.0
    assert accents["script.non_ascii_share"] > 0.0


def test_words_of_other_alphabets_count_as_words() -> None:
    assert described("Привет, мир")["length.words"] == pytest.approx(log1p(2))


@given(st.text(st.characters(exclude_categories=()), max_size=400))
def test_any_text_gives_finite_numbers(text: str) -> None:
    values = features(bound(text), np.zeros(0, np.int32))
    assert values.shape == (len(FEATURE_NAMES),)
    assert values.dtype == np.float32
    assert np.all(np.isfinite(values))
