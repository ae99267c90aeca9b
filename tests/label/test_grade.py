"""Right and wrong by a reference answer."""

from __future__ import annotations

import pytest

from router.errors import DataError
from training.label.grade import Grader, choice_in, grader_for, is_right, options_of
from training.label.numbers import parse_number
from training.label.questions import Question

OPTIONS = "Which one?\nA. Paris\nB. Rome\nC. The Hague\nD. Bern"


def question(answer: str | None = None, prompt: str = "Say it.", regex: str | None = None) -> Question:
    return Question(key="k", prompt=prompt, place="file:1", answer=answer, answer_regex=regex)


@pytest.mark.parametrize(
    ("said", "answer", "right"),
    [
        ("42", "42", True),
        ("The total is 42.", "42", True),
        ("First 7, then 6, so 7 * 6 = 42", "42", True),
        ("He has 42 apples left, not 41.", "42", False),
        ("#### 1,234", "1234", True),
        ("It is 1,234,567 people", "1234567", True),
        ("So 12 + 30 = 42. The answer is 42. (I used 2 steps.)", "42", True),
        (r"Therefore \boxed{42} after 3 steps", "42", True),
        (r"\boxed{\frac{3}{4}}", "0.75", True),
        ("3/4", "0.75", True),
        ("The answer is 1 1/2 cups", "1.5", True),
        ("$18.00", "18", True),
        ("It costs $18.", "$18", True),
        ("-5", "5", False),
        ("−5", "-5", True),
        ("10-5", "5", True),
        ("50%", "0.5", True),
        ("0.5", "50%", True),
        ("50", "50%", True),
        ("50 percent", "50", True),
        ("3.14159", "3.14", True),
        ("3.2", "3.14", False),
        ("42.4", "42", False),
        ("1.5e3", "1500", True),
        ("1.5 × 10^3", "1500", True),
        (r"1.5 \times 10^{3}", "1500", True),
        ("2.5e-3 m", "0.0025", True),
        ("3,5", "3.5", True),
        ("1.234,50 euros", "1234.5", True),
        ("12 km", "12 km", True),
        ("The speed is 12 km/h.", "12", True),
        ("I do not know.", "42", False),
        ("", "0", False),
        ("**42**", "42", True),
        ("Answer: **42 dollars**\n\nLet me know if you need 3 more.", "42", True),
        ("1/0", "0", False),
    ],
)
def test_a_number_is_right_by_its_value(said: str, answer: str, right: bool) -> None:
    assert parse_number(answer) is not None
    assert is_right(said, question(answer), "number") is right


@pytest.mark.parametrize("text", ["8:24", "Paris", "2024-05-01", "3 blind mice and 2 cats run", "", "1.2.3", "x = 3"])
def test_what_is_no_number_is_not_read_as_one(text: str) -> None:
    assert parse_number(text) is None


@pytest.mark.parametrize(
    ("said", "letter"),
    [
        ("B", "B"),
        ("b", "B"),
        ("(B)", "B"),
        ("B.", "B"),
        ("B. Rome", "B"),
        ("**B**", "B"),
        ("**B. Rome** because it is old", "B"),
        ("The answer is B.", "B"),
        ("The correct answer is (B).", "B"),
        ("Answer: B", "B"),
        ("The correct option is **B) Rome**.", "B"),
        (r"Thus \boxed{B}", "B"),
        (r"\boxed{\text{B}}", "B"),
        ("A is tempting, but the answer is B", "B"),
        ("The answer is A... no, wait. The answer is B.", "B"),
        ("Rome", "B"),
        ("the hague", "C"),
        ("Some thoughts about a city.\nB", "B"),
        ("It cannot be (A), so it must be (B)", "B"),
        ("It is B.", "B"),
        ("So I pick (B)", "B"),
        ("Not I", None),
        ("A good question, I cannot tell", None),
        ("I'm not sure.", None),
        ("", None),
    ],
)
def test_the_chosen_letter_is_found_in_the_words(said: str, letter: str | None) -> None:
    assert choice_in(said, options_of(OPTIONS)) == letter


@pytest.mark.parametrize(
    ("said", "answer", "right"),
    [
        ("Paris", "paris", True),
        ("Paris.", "Paris", True),
        ("The answer is Paris.", "Paris", True),
        ("Let me think.\n\nThe Netherlands", "netherlands", True),
        ("Answer: “8:24”", "8:24", True),
        ("**yes**", "Yes", True),
        ("Paris is lovely", "Paris", False),
        ("not Paris", "Paris", False),
        ("It is Paris.", "Paris", True),
        ("Some say it is Lyon. In truth it is Paris.", "Paris", True),
        ("Some say it is Paris. In truth it is Lyon.", "Paris", False),
        ("It is not Paris.", "Paris", False),
        ("It is 8:24.", "8:24", True),
        ("Ｐａｒｉｓ", "Paris", True),
        ("", "Paris", False),
    ],
)
def test_an_exact_answer_is_right_up_to_case_and_marks(said: str, answer: str, right: bool) -> None:
    assert is_right(said, question(answer), "exact") is right


@pytest.mark.parametrize(
    ("said", "right"), [("It is Paris, France.", True), ("It is parisian.", False), ("Lyon", False)]
)
def test_contains_looks_for_whole_words(said: str, right: bool) -> None:
    assert is_right(said, question("Paris"), "contains") is right


def test_a_regular_expression_is_searched_for_in_every_line() -> None:
    row = question(regex=r"^result: 4[0-9]$")
    assert is_right("well\nresult: 42\nbye", row, "regex")
    assert not is_right("the result: 42", row, "regex")


@pytest.mark.parametrize(
    ("row", "grader"),
    [
        (question("B", OPTIONS), "choice"),
        (question("(b)", OPTIONS), "choice"),
        (question("B"), "exact"),
        (question("Z", OPTIONS), "exact"),
        (question("3/4"), "number"),
        (question("1,000 km"), "number"),
        (question("8:24"), "exact"),
        (question("Paris"), "exact"),
        (question("Paris", regex="P.*"), "regex"),
    ],
)
def test_the_grader_follows_from_the_reference(row: Question, grader: Grader) -> None:
    assert grader_for(row) == grader


@pytest.mark.parametrize("wanted", ["number", "regex"])
def test_a_grader_that_cannot_use_the_reference_names_the_row(wanted: Grader) -> None:
    with pytest.raises(DataError, match=r"file:1.*leave out --grader"):
        grader_for(question("Paris"), wanted)
