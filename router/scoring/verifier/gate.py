"""Pairs on which trees and network have nothing to go by, so that the rules decide: equal normal forms, or none.

Short texts that differ in small words and marks alone ("Can you swim?" and "Swim.", ``cd ..`` and ``cd``) want the same
answer about as often as not, and what tells them apart is not in the features. Of long texts hardly any were fitted on
or measured: what thresholds promise says nothing of them, and the network would read them for 10 ms and more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from router.scoring.verifier.features import NAMES

SHORT = 14
"""Words of both texts together; longer ones leave less to a small word."""

LONG, LONG_TURNS = 600, 1000
"""Characters of both texts together beyond which they are long: of questions on their own, and of turns.

Of our pairs, of questions and of turns, 99 % have at most 260; of 624 questions that are served the longest has 393, of
382 turns one has more than 600. Longer turns are mostly answers, and bounded by others that differ."""

REFUSED = -20.0
"""The score of such a pair, below every threshold in use."""

_MISSPELT, _UNMATCHED, _FORM, _WORDS = (
    NAMES.index(name) for name in ("misspelt", "unmatched_high", "same_form", "length")
)


def is_long(one: str, other: str, *, turn: bool) -> bool:
    """Whether two texts are too long for what was learned of short ones; ``turn``: of longer conversations."""
    return len(one) + len(other) > (LONG_TURNS if turn else LONG)


def rules_decide(rows: NDArray[np.float32]) -> NDArray[np.bool_]:
    """For each row of features, float32 [..., D], whether the pair is left to the rules, which do not serve it."""
    small = (rows[..., _UNMATCHED] == 0) & (rows[..., _MISSPELT] == 0)
    return np.asarray(small & (rows[..., _FORM] == 0) & (rows[..., _WORDS] <= SHORT))
