"""Reasons are told from the numbers alone: the text is gone by then."""

from __future__ import annotations

import pytest

from router.scoring.scorer import Scorer
from tests.live import EASY, HARD


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer.load(verify=False)


@pytest.mark.parametrize("text", [EASY, HARD, "", "   ", "a" * 100_000, "def f(x):\n    return x\n" * 50, "你好，世界"])
def test_the_numbers_of_a_text_give_the_reasons_of_the_text_to_the_last_bit(scorer: Scorer, text: str) -> None:
    score = scorer.score(text)
    assert scorer.explain_row(score.row, top=99) == scorer.explain(text, top=99)
    assert (score.row[: len(score.embedding)] == score.embedding).all()
