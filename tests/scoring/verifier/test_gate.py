"""Short texts that differ in small words and marks alone are left to the rules."""

from __future__ import annotations

import numpy as np
import pytest

from router.scoring.verifier.details import Details, detail_features
from router.scoring.verifier.features import NAMES
from router.scoring.verifier.gate import rules_decide
from router.scoring.verifier.lexical import Words, lexical_features


def left_to_the_rules(first: str, second: str) -> bool:
    row = lexical_features(*map(Words.of, (first, second))) + detail_features(*map(Details.of, (first, second)))
    return bool(rules_decide(np.array([row + [0.0] * (len(NAMES) - len(row))], np.float32))[0])


@pytest.mark.parametrize(
    ("first", "second"), [("Is Python slow?", "Python is slow."), ("Can you give blood?", "Give blood.")]
)
def test_a_question_and_a_statement_of_the_same_few_words_are_left_to_the_rules(first: str, second: str) -> None:
    assert left_to_the_rules(first, second)
    assert left_to_the_rules(second, first)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Is Python slow?", "Is Python quick?"),
        ("How do I reset my password?", "how do i reset my pasword"),
        (
            "Hello, could you please tell me how I change the address of my account there?",
            "How do I change the address of my account there?",
        ),
    ],
)
def test_other_words_misspellings_and_longer_texts_are_judged(first: str, second: str) -> None:
    assert not left_to_the_rules(first, second)
