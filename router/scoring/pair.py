"""Two questions side by side: what tells them apart, and whether one answer serves both."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from router.scoring.bags import dice
from router.scoring.wording import Form, normal_form

SERVED_FROM = 0.5
"""Scores from here on mean "one answer serves both"."""

NEGATIONS = frozenset(
    {"not", "no", "never", "none", "nobody", "nothing", "neither", "nor", "without", "unless", "except"}
)
_WORDS = re.compile(r"[^\W_]+")


class Wording(NamedTuple):
    """One question: its normal form, and its words as written, in lower case."""

    form: Form
    words: list[str]

    @classmethod
    def of(cls, text: str, form: Form | None = None) -> Wording:
        """Read a question; ``form`` spares the work where its normal form is known."""
        return cls(normal_form(text) if form is None else form, _WORDS.findall(text.lower()))


class PairFeatures(NamedTuple):
    """What the verdict looks at, each 0..1; symmetric in the two questions.

    ``same_form``: equal normal forms. ``overlap``: Dice coefficient of the words as written. ``form_overlap``: the same
    of the normal forms.
    ``same_numbers``, ``same_negations``: equal multisets. ``same_order``: shared words come in the same order.
    """

    same_form: float
    overlap: float
    form_overlap: float
    same_numbers: float
    same_negations: float
    same_order: float


def pair_features(a: Wording, b: Wording) -> PairFeatures:
    """Compare two questions."""
    shared = set(a.form).intersection(b.form)
    return PairFeatures(
        same_form=float(a.form == b.form),
        overlap=_dice(a.words, b.words),
        form_overlap=_dice(a.form, b.form),
        same_numbers=float(_numbers(a.words) == _numbers(b.words)),
        same_negations=float(_negations(a.form) == _negations(b.form)),
        same_order=float([t for t in a.form if t in shared] == [t for t in b.form if t in shared]),
    )


def pair_score(first: str, second: str) -> float:
    """How sure one answer serves both questions: 0..1, ``SERVED_FROM`` and above only for equal normal forms.

    Below that the score ranks what is not served, by shared words, halved for every kind of difference that
    usually changes the answer.
    """
    features = pair_features(Wording.of(first), Wording.of(second))
    if features.same_form:
        return SERVED_FROM + (1 - SERVED_FROM) * features.overlap
    doubts = (features.same_numbers, features.same_negations, features.same_order).count(0.0)
    return 0.99 * SERVED_FROM * max(features.overlap, features.form_overlap) * 0.5**doubts


def _numbers(words: list[str]) -> list[str]:
    return sorted(word for word in words if not word.isalpha() and any(map(str.isdigit, word)))


def _negations(form: Form) -> list[str]:
    return sorted(token for token in form if token in NEGATIONS)


def _dice(first: Sequence[str], second: Sequence[str]) -> float:
    return dice(Counter(first), Counter(second))
