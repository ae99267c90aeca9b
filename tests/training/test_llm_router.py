"""Telling apart the kinds of question in a table that does not name them."""

from __future__ import annotations

import pytest

from training.graded.forms import question_row
from training.graded.llm_router import task_of


@pytest.mark.parametrize(
    ("question", "task"),
    [
        ("Q: There are 3 houses in a row, numbered 1 on the left. Who keeps birds?", "houses"),
        ("lamp, tree, road, kite, bed, piano, calf, canoe, suit, bird", "sorting"),
        ('def area(r):\n    """Area of a circle."""\n', "stub"),
        ("Write a function to reverse a list.", "program"),
        ("Find $x$ such that $x^2 = 9$.", "formula"),
        ("when was the first bridge over the river built", "query"),
        (
            "Ann buys 3 bags with 12 apples in each and gives 5 apples to her two friends. How many apples are left?",
            "word_problem",
        ),
        ("The most popular plant in the garden is", "statement"),
        ("In which town was the first clock tower built?", "short"),
    ],
)
def test_each_kind_is_told_by_how_it_is_put(question: str, task: str) -> None:
    assert task_of(question) == task


def test_prices_do_not_make_a_formula() -> None:
    assert task_of("Tea costs $3 and cake costs $4. Is tea dearer?") == "short"


def test_the_kind_becomes_the_task_of_the_record() -> None:
    values = {"question": "Write a function to add.", "scores": {"small": 0, "large": 1}}
    (graded,) = question_row(values, "golden/ulab")
    assert graded.task == "program"
