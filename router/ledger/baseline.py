"""What is known of a baseline's uncertainty: the strong model would not have answered in as many words.

The ledger prices the strong model at the very tokens that the answering model took. Of the prompt that is right; how
long its own answer would have been, nobody can know. Battles in which both answers were kept say how far off that may
be: over the same prompts, strong models wrote 1.55 times as much as their opponents, and for a pair of models that is
not among them the ratio lies between the two of ``LENGTHS`` with 95 % confidence. It is a ratio of sums, as is a
period's cost: that single answers differ more cancels out.

Source: 31 battles of 6 strong models with others among the first 100 of `lmsys/lmsys-arena-human-preference-55k`
(Apache-2.0), 2026-11-29: ``train-router answer-lengths arena/human_preference_55k_first100.csv``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple


class Lengths(NamedTuple):
    """Tokens of the strong model's answer for one of another model's: 95 % between ``low`` and ``high``."""

    low: Decimal
    high: Decimal


LENGTHS = Lengths(Decimal("0.62"), Decimal("2.79"))
"""For any pair of models; the setting `baseline_lengths` has what an operator measured for the own one."""


def lengths_of(own: tuple[float, ...]) -> Lengths:
    """The operator's own two numbers as they are written, or one twice; without them those of any pair."""
    if not own:
        return LENGTHS
    low, high = sorted((Decimal(str(own[0])), Decimal(str(own[-1]))))
    return Lengths(low, high)
