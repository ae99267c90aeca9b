"""From the strengths of a pair to its base rate: how often the strong answer is strictly better, over all prompts.

Ratings like the arena's ("elo") come from votes in which a tie is half a win for both, so their gap says what the
strong model gets out of a vote, wins and half ties together. How much of that are strict wins is the tie model's answer
(Rao and Kupper 1967): P(win) = sigmoid(d - t), P(loss) = sigmoid(-d - t), the rest ties. Accuracies on one exam say how
often each model is right; how often the strong one is right where the weak one is wrong depends on how much their
successes go together.
"""

from __future__ import annotations

from math import exp, isfinite, log
from typing import Literal

from router.errors import DataError

Scale = Literal["elo", "accuracy"]

ELO_UNIT = log(10.0) / 400.0
"""Log-odds of one rating point."""

WIDEST_GAP = 2000.0
"""Rating points; more is a slip of the keyboard."""

TIE_MARGIN = 0.345
"""The tie model's t in people's votes, fitted by ``train-router strengths`` on Chatbot Arena's of 2023; 0: no ties."""

OVERLAP = 0.513
"""How much successes of two models go together: 0 as if independent, 1 the strong model never fails where the weak one
succeeds. Mean over pairs of models in right/wrong tables, by ``train-router strengths``."""

LEAST_RATE = 0.005
"""A base rate is never nearer to 0 or 1 than this: no strengths are known so well."""

BISECTIONS = 60


def base_rate(weak: float, strong: float, scale: Scale, *, tie_margin: float = TIE_MARGIN) -> float:
    """How often the strong answer is strictly better, 0..1.

    Args:
        weak: its rating in Elo points, or its share of right answers on one exam, 0..1.
        strong: the same of the strong model.
        scale: which of the two.
        tie_margin: ratings only; not negative.

    Raises:
        DataError: a strength out of range, or the weak model is the stronger one.
    """
    for name, value in (("weak", weak), ("strong", strong)):
        if not isfinite(value):
            raise DataError(f"--{name}-strength {value}: a finite number is due")
    if strong < weak:
        raise DataError(
            f"--weak-strength {weak:g} is above --strong-strength {strong:g}: exchange the two, or the two models"
        )
    rate = _of_ratings(strong - weak, tie_margin) if scale == "elo" else _of_accuracies(weak, strong)
    return min(max(rate, LEAST_RATE), 1.0 - LEAST_RATE)


def strict_wins(expected: float, tie_margin: float) -> float:
    """P(win) where wins and half the ties are ``expected``, 0..1 excluded, by bisection of the tie model."""
    low, high = -40.0, 40.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2.0
        won = sigmoid(middle - tie_margin)
        if 0.5 * (1.0 + won - sigmoid(-middle - tie_margin)) < expected:
            low = middle
        else:
            high = middle
    return sigmoid((low + high) / 2.0 - tie_margin)


def right_where_wrong(weak: float, strong: float, overlap: float = OVERLAP) -> float:
    """P(strong right and weak wrong) of accuracies; ``overlap`` as in ``OVERLAP``."""
    both = weak * strong + overlap * (min(weak, strong) - weak * strong)
    return strong - both


def sigmoid(value: float) -> float:
    """1 / (1 + e^-value)."""
    return 1.0 / (1.0 + exp(-value)) if value >= 0 else exp(value) / (1.0 + exp(value))


def _of_ratings(gap: float, tie_margin: float) -> float:
    if gap > WIDEST_GAP:
        raise DataError(
            f"the strengths lie {gap:g} Elo points apart, and {WIDEST_GAP:g} is the most that is believed; check them, "
            "or give --scale accuracy where they are shares of right answers"
        )
    return strict_wins(sigmoid(gap * ELO_UNIT), tie_margin)


def _of_accuracies(weak: float, strong: float) -> float:
    if not 0.0 <= weak <= strong <= 1.0:
        raise DataError(
            f"strengths {weak:g} and {strong:g}: accuracies are shares from 0 to 1 (65 % is 0.65); give --scale elo "
            "where they are ratings"
        )
    return right_where_wrong(weak, strong)
