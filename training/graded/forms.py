"""The forms that right/wrong tables come in, and one function for each that turns a row into a graded prompt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from training.forms import Form, Rejected, Values
from training.graded.llm_router import task_of
from training.graded.lm_eval import lm_eval_grades, lm_eval_prompt
from training.records import Graded
from training.text import clean, multiple_choice, number

WEAK, STRONG = "weak", "strong"
"""The names that the two models of a pair table go by."""


def mmlu_pro_row(values: Values, source: str) -> Iterator[Graded]:
    """MMLU-Pro: a question with up to ten options, ``correct`` by model."""
    options = values["options"]
    if not isinstance(values["question"], str) or not isinstance(options, list):
        raise Rejected("malformed question")
    yield _graded(multiple_choice(values["question"], map(str, options)), values["correct"], source)


def zeroeval_row(values: Values, source: str) -> Iterator[Graded]:
    """ZeroEval: CRUX, ZebraLogic and MATH level 5, ``correct`` by model."""
    question, choices = values["question"], values.get("choices")
    if isinstance(question, str) and choices:
        question = multiple_choice(question, map(str, choices))
    yield _graded(question, values["correct"], source, task=str(values["task"]))


def question_row(values: Values, source: str) -> Iterator[Graded]:
    """LLMRouter: the question as it was asked, ``scores`` by model."""
    question = values["question"]
    task = task_of(question) if isinstance(question, str) else ""
    yield _graded(question, values["scores"], source, task=task)


def prompt_row(values: Values, source: str) -> Iterator[Graded]:
    """The simple form for one's own grades: ``scores`` by model, 0 to 1."""
    yield _graded(values["prompt"], values["scores"], source, task=_task(values))


def pair_row(values: Values, source: str) -> Iterator[Graded]:
    """The simple form for one's own pair of models: whether each was right."""
    grades = {WEAK: values["weak_correct"], STRONG: values["strong_correct"]}
    yield _graded(values["prompt"], grades, source, task=_task(values))


def lm_eval_row(values: Values, source: str) -> Iterator[Graded]:
    """lm-evaluation-harness: ``doc`` and ``metrics`` differ by ``suite``."""
    suite = values["suite"]
    grades = lm_eval_grades(suite, values["task"], values["metrics"])
    yield _graded(lm_eval_prompt(suite, values["doc"]), grades, source, task=suite)


GRADED_FORMS: tuple[Form[Graded], ...] = (
    Form("lm-evaluation-harness", frozenset({"suite", "task", "doc", "metrics"}), lm_eval_row),
    Form("MMLU-Pro", frozenset({"question", "options", "correct"}), mmlu_pro_row),
    Form("ZeroEval", frozenset({"task", "question", "correct"}), zeroeval_row),
    Form("LLMRouter", frozenset({"question", "scores"}), question_row),
    Form("own grades", frozenset({"prompt", "scores"}), prompt_row),
    Form("own pair of models", frozenset({"prompt", "weak_correct", "strong_correct"}), pair_row),
)


def _graded(prompt: Any, grades: Any, source: str, *, task: str = "") -> Graded:
    text = clean(prompt) if isinstance(prompt, str) else ""
    if not text:
        raise Rejected("empty prompt")
    if not isinstance(grades, Mapping):
        raise Rejected("malformed grades")
    # A missing grade is None where a format gives all rows the same columns; ZeroEval has a run of no named model.
    scores = {model: _grade(value) for model, value in grades.items() if value is not None and model != "None"}
    if not scores:
        raise Rejected("no grades")
    return Graded(prompt=text, source=source, scores=scores, task=task)


def _grade(value: Any) -> float:
    try:
        grade = number(value)
    except (TypeError, ValueError):
        raise Rejected("a grade is not a number") from None
    if not isfinite(grade) or not 0 <= grade <= 1:
        raise Rejected("a grade is outside 0..1")
    return grade


def _task(values: Values) -> str:
    task = values.get("task")
    return task if isinstance(task, str) else ""
