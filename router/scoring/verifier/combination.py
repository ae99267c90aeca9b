"""How the trees' verdict and the pair encoder's become one score. All that training settles about it is here."""

from __future__ import annotations

import math
from typing import Literal

from msgspec import Struct


class Combination(Struct, frozen=True, kw_only=True):
    """The rule.

    ``sum``: score = ``trees`` * log odds of the trees + ``encoder`` * logit + ``bias``. ``stacked``: a second set of
    trees reads the features and, as the last column, the logit; the score is ``trees`` * their log odds + ``bias``.

    ``ways``: 1, the pair encoder reads a pair once, in the order of ``features.ordered``; 2, also the other way round,
    and the mean counts. ``encoder_from``: trees' log odds below which no logit can lift a pair over any threshold in
    use, so that the encoder is spared; None: it always runs. ``skipped_logit`` then stands for what it would have said,
    and must be low.

    ``most_logit``: a logit counts for no more than this, so that pairs whose trees say too little for a threshold are
    refused without the encoder; ``most_logit_of_turn``: likewise where a pair are turns of longer conversations. None:
    a logit counts in full. Clamping only lowers scores: what thresholds rest on stays valid.
    """

    kind: Literal["sum", "stacked"] = "sum"
    trees: float = 1.0
    encoder: float = 0.0
    bias: float = 0.0
    ways: Literal[1, 2] = 1
    encoder_from: float | None = None
    skipped_logit: float = -10.0
    most_logit: float | None = None
    most_logit_of_turn: float | None = None

    def __post_init__(self) -> None:
        if self.trees < 0 or self.encoder < 0:
            raise ValueError("weights below 0 would turn a verdict round")
        if self.kind == "stacked" and (self.most_logit is not None or self.most_logit_of_turn is not None):
            raise ValueError("a logit is clamped in a sum alone")

    def leaves_a_chance(self, trees: float) -> bool:
        """Whether the pair encoder is worth its time for a pair with these log odds."""
        return self.encoder_from is None or trees >= self.encoder_from

    def most(self, trees: float, *, turn: bool = False) -> float:
        """The highest score that these log odds leave possible; infinite where nothing bounds what a logit adds."""
        if self.kind == "stacked":
            return math.inf
        if not self.encoder or not self.leaves_a_chance(trees):
            return self.summed(trees, self.skipped_logit, turn=turn)
        bound = self._clamp(turn)
        return math.inf if bound is None else self.summed(trees, bound, turn=turn)

    def summed(self, trees: float, logit: float, *, turn: bool = False) -> float:
        """The score of kind ``sum``; without a pair encoder its weight is 0, and ``logit`` is not heeded.

        Args:
            trees: their log odds.
            logit: of the pair encoder.
            turn: whether the pair are turns of longer conversations.
        """
        bound = self._clamp(turn)
        return self.trees * trees + self.encoder * (logit if bound is None else min(logit, bound)) + self.bias

    def stacked(self, log_odds: float) -> float:
        """The score of kind ``stacked``, of the second trees' log odds."""
        return self.trees * log_odds + self.bias

    def _clamp(self, turn: bool) -> float | None:
        return self.most_logit_of_turn if turn else self.most_logit
