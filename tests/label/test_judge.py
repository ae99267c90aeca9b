"""Verdicts: how they are read, and what two of them make."""

from __future__ import annotations

import pytest

from training.label.judge import Verdict, Winner, judge_prompt, read_verdict, winner_of


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ("Answer 1 is right.\nVERDICT: 1", "first"),
        ("VERDICT: 2", "second"),
        ("**VERDICT: 2**", "second"),
        ("**Verdict:** Answer 2", "second"),
        ("verdict: tie.", "tie"),
        ("My verdict is a tie", "tie"),
        ("VERDICT: NEITHER (both are wrong)", "neither"),
        ('{"verdict": "2"}', "second"),
        ("[[A]]", "first"),
        ("[[B]] since it is right", "second"),
        ("VERDICT: 1? No.\nVERDICT: 2", "second"),
        ("Both fail.\n\nNeither", "neither"),
        ("1", "first"),
        ("Answer 2.", "second"),
        ("I would rather not say.", None),
        ("Answer 1 is longer than answer 2, and that is all.", None),
        ("VERDICT: 12", None),
        ("", None),
    ],
)
def test_the_last_marked_verdict_counts(said: str, verdict: Verdict | None) -> None:
    assert read_verdict(said) == verdict


@pytest.mark.parametrize(
    ("weak_first", "strong_first", "winner"),
    [
        ("first", "second", "weak"),
        ("second", "first", "strong"),
        ("first", "first", "tie"),
        ("second", "second", "tie"),
        ("tie", "tie", "tie"),
        ("neither", "neither", "both_bad"),
        ("first", "tie", "tie"),
        ("neither", "first", "tie"),
    ],
)
def test_only_what_both_orders_say_counts(weak_first: Verdict, strong_first: Verdict, winner: Winner) -> None:
    assert winner_of(weak_first, strong_first) == winner


def test_braces_in_a_prompt_are_left_alone() -> None:
    text = judge_prompt("fill {first}", "{prompt}", "{}")
    assert "fill {first}" in text
    assert "<answer_1>\n{prompt}\n</answer_1>" in text
