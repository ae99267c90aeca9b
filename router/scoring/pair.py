"""Two questions side by side: what tells them apart, and whether one answer serves both."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from router.scoring.wording import Form, normal_form

SERVED_FROM = 0.5
"""Scores from here on mean "one answer serves both"."""

NEGATIONS = frozenset(
    {"not", "no", "never", "none", "nobody", "nothing", "neither", "nor", "without", "unless", "except"}
)
_WORDS = re.compile(r"[^\W_]+")


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


def pair_features(first: str, second: str) -> PairFeatures:
    """Compare two questions."""
    form_a, form_b = normal_form(first), normal_form(second)
    words_a, words_b = _words(first), _words(second)
    shared = set(form_a) & set(form_b)
    return PairFeatures(
        same_form=float(form_a == form_b),
        overlap=_dice(words_a, words_b),
        form_overlap=_dice(list(form_a), list(form_b)),
        same_numbers=float(_numbers(words_a) == _numbers(words_b)),
        same_negations=float(_picked(form_a, NEGATIONS) == _picked(form_b, NEGATIONS)),
        same_order=float([t for t in form_a if t in shared] == [t for t in form_b if t in shared]),
    )


def pair_score(first: str, second: str) -> float:
    """How sure one answer serves both questions: 0..1, ``SERVED_FROM`` and above only for equal normal forms.

    Below that the score ranks what is not served, by shared words, halved for every kind of difference that
    usually changes the answer.
    """
    features = pair_features(first, second)
    if features.same_form:
        return SERVED_FROM + (1 - SERVED_FROM) * features.overlap
    doubts = (features.same_numbers, features.same_negations, features.same_order).count(0.0)
    return 0.99 * SERVED_FROM * max(features.overlap, features.form_overlap) * 0.5**doubts


def _words(text: str) -> list[str]:
    return _WORDS.findall(text.lower())


def _numbers(words: list[str]) -> Counter[str]:
    return Counter(word for word in words if any(char.isdigit() for char in word))


def _picked(form: Form, wanted: frozenset[str]) -> Counter[str]:
    return Counter(token for token in form if token in wanted)


def _dice(first: list[str], second: list[str]) -> float:
    total = len(first) + len(second)
    return 2 * (Counter(first) & Counter(second)).total() / total if total else 1.0
