"""Pairs on which trees and network have nothing to go by, so that the rules decide: equal normal forms, or none.

Short texts that differ in small words and marks alone ("Can you swim?" and "Swim.", ``cd ..`` and ``cd``) want the same
answer about as often as not, and what tells them apart is not in the features.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from router.scoring.verifier.features import NAMES

SHORT = 14
"""Words of both texts together; longer ones leave less to a small word."""

REFUSED = -20.0
"""The score of such a pair, below every threshold in use."""

_MISSPELT, _UNMATCHED, _FORM, _WORDS = (
    NAMES.index(name) for name in ("misspelt", "unmatched_high", "same_form", "length")
)


def rules_decide(rows: NDArray[np.float32]) -> NDArray[np.bool_]:
    """For each row of features, float32 [..., D], whether the pair is left to the rules, which do not serve it."""
    small = (rows[..., _UNMATCHED] == 0) & (rows[..., _MISSPELT] == 0)
    return np.asarray(small & (rows[..., _FORM] == 0) & (rows[..., _WORDS] <= SHORT))
