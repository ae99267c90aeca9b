"""What lm-evaluation-harness logs: each suite has its own document and its own metrics.

One metric is right for each suite: the one that its leaderboards report, or, where two extract the answer, the one
that finds more of the right ones. Suites whose logged grades do not tell right from wrong are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from training.forms import Rejected
from training.text import multiple_choice

METRICS = {
    "agieval": "acc",
    "arc_challenge": "acc_norm",
    "arc_easy": "acc_norm",
    "gpqa": "acc_norm",
    "humaneval": "pass@1",
    "minerva_math": "math_verify",  # exact_match misses three of four right answers
    "openbookqa": "acc_norm",
    "piqa": "acc_norm",
    "social_iqa": "acc",
    "truthfulqa": "rouge1_acc",  # nearer to a true reference answer than to a false one
    "winogrande": "acc",
}

NOT_GRADED = frozenset({"bbh", "mbpp", "agieval_math", "agieval_gaokao_mathcloze"})
"""Suites and tasks where the answer was not found in the text: an 8B model is logged as right in under 7 %, and often
less often than a 1B one. Their grades say how an answer was laid out, not whether it was right."""


def lm_eval_grades(suite: str, task: str, metrics: Any) -> dict[str, Any]:
    """The grade of each model by the suite's metric.

    Raises:
        Rejected: the suite is not known, its grades are of no use, or the metric is missing.
    """
    if suite in NOT_GRADED or task in NOT_GRADED:
        raise Rejected(f"grades of {task if task in NOT_GRADED else suite} do not tell right from wrong")
    metric = METRICS.get(suite)
    if metric is None:
        raise Rejected(f"unknown suite {suite}")
    if not isinstance(metrics, Mapping):
        raise Rejected("malformed grades")
    return {model: values[metric] for model, values in metrics.items() if values and metric in values}


def lm_eval_prompt(suite: str, doc: Any) -> str:
    """What the models were asked, options included, from the suite's document.

    Raises:
        Rejected: the document lacks what its suite has.
    """
    try:
        return _PROMPTS[suite](doc)
    except (KeyError, TypeError, AttributeError):
        raise Rejected(f"malformed document of {suite}") from None


def _lettered(question: str) -> Callable[[Any], str]:
    return lambda doc: multiple_choice(doc[question], doc["choices"]["text"])


def _social(doc: Any) -> str:
    return multiple_choice(f"{doc['context']} {doc['question']}", [doc["answerA"], doc["answerB"], doc["answerC"]])


_PROMPTS: dict[str, Callable[[Any], str]] = {
    "agieval": lambda doc: str(doc["query"]),  # has its options already
    "arc_challenge": _lettered("question"),
    "arc_easy": _lettered("question"),
    "gpqa": lambda doc: str(doc["Question"]),
    "humaneval": lambda doc: str(doc["prompt"]),
    "minerva_math": lambda doc: str(doc["problem"]),
    "openbookqa": _lettered("question_stem"),
    "piqa": lambda doc: multiple_choice(doc["goal"], [doc["sol1"], doc["sol2"]]),
    "social_iqa": _social,
    "truthfulqa": lambda doc: str(doc["question"]),
    "winogrande": lambda doc: multiple_choice(doc["sentence"], [doc["option1"], doc["option2"]]),
}
