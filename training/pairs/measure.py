"""How many rewordings a verifier serves for how many traps: at the best threshold, and at one chosen elsewhere."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from training.promise.exact import most_cases

Scores = NDArray[np.float64]
Same = NDArray[np.bool_]

BUDGETS = (0.01, 0.05)
"""Shares of traps that may be answered."""

CONFIDENCE = 0.95


class Served(Struct, frozen=True):
    """What a threshold does: shares of ``hits`` rewordings served, and of ``traps`` answered."""

    hits: int
    traps: int
    served: int
    wrong: int

    @property
    def served_share(self) -> float:
        """Of the rewordings, 0..1."""
        return self.served / self.hits if self.hits else 0.0

    @property
    def wrong_share(self) -> float:
        """Of the traps, 0..1."""
        return self.wrong / self.traps if self.traps else 0.0

    def __add__(self, other: Served) -> Served:
        return Served(
            self.hits + other.hits, self.traps + other.traps, self.served + other.served, self.wrong + other.wrong
        )


def served_from(scores: Scores, same: Same, threshold: float) -> Served:
    """Serve at ``threshold`` and above."""
    taken = scores >= threshold
    return Served(int(same.sum()), int((~same).sum()), int((taken & same).sum()), int((taken & ~same).sum()))


def best_served(scores: Scores, same: Same, budget: float) -> Served:
    """The most that any threshold serves with at most ``budget`` of the traps answered. It knows the labels."""
    return served_from(scores, same, _above(scores[~same], int(budget * int((~same).sum()))))


def bounded_threshold(scores: Scores, same: Same, budget: float, *, confidence: float = CONFIDENCE) -> float:
    """The lowest threshold that surely answers at most ``budget`` of the traps; inf where none does."""
    allowed = most_cases(int((~same).sum()), budget, level=1 - confidence)
    return _above(scores[~same], allowed) if allowed >= 0 else float("inf")


def _above(traps: Scores, allowed: int) -> float:
    """The lowest score that leaves at most ``allowed`` traps at it or above."""
    if allowed >= len(traps):
        return float("-inf")
    return float(np.nextafter(np.sort(traps)[::-1][allowed], np.inf))
