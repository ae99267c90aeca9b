"""The forms of labels about one pair of models, weak and strong: those that ``label`` writes, and hand-written ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from training.forms import Form, Rejected, Values
from training.graded.forms import STRONG, WEAK, pair_row
from training.records import Battle, Graded, Winner
from training.text import clean

WINNERS: dict[str, Winner] = {WEAK: "model_a", STRONG: "model_b", "tie": "tie", "both_bad": "both_bad"}


def label_row(values: Values, source: str) -> Iterator[Battle | Graded]:
    """A row of a file of labels: judged where it has a winner, else graded, be it for the weak model alone."""
    if values.get("winner") is not None:
        yield pair_battle(values, source)
    elif values.get("weak_correct") is not None:
        yield from pair_row({"strong_correct": None, **values}, source)
    else:
        raise Rejected("no label")


def pair_battle(values: Values, source: str) -> Battle:
    """A judged row: the models of the battle go by ``weak`` and ``strong``, as those of a graded pair do."""
    prompt = values["prompt"]
    text = clean(prompt) if isinstance(prompt, str) else ""
    if not text:
        raise Rejected("empty prompt")
    winner = WINNERS.get(values["winner"].strip().lower()) if isinstance(values["winner"], str) else None
    if winner is None:
        raise Rejected("unknown winner")
    return Battle(prompt=text, model_a=WEAK, model_b=STRONG, winner=winner, source=source)


WRITTEN_FORM: Form[Any] = Form("labels of a pair", frozenset({"prompt", "grader", "models"}), label_row)
"""What ``label`` writes. Graded and judged rows stand in one file, so it is looked for before the simpler forms."""

SIMPLE_FORMS: tuple[Form[Any], ...] = (
    Form("own votes on a pair", frozenset({"prompt", "winner"}), label_row),
    Form("own grades of the weak model", frozenset({"prompt", "weak_correct"}), label_row),
)
