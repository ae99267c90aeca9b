"""How trees and pair encoder are joined in the verifier that is shipped: constants that held-out folds settled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from router.scoring.verifier.combination import Combination
from router.scoring.verifier.features import NAMES
from router.scoring.verifier.gate import is_long, rules_decide
from training.pairs.records import RequestPair

MOST_LOGIT, MOST_LOGIT_OF_TURN = 5.0, 7.0
"""What a logit counts for at most; ``train-router verifier --clamp`` shows what other values cost and spare."""

COMBINATION = Combination(
    kind="sum",
    trees=1.0,
    encoder=0.4,
    encoder_from=-1.5,
    most_logit=MOST_LOGIT,
    most_logit_of_turn=MOST_LOGIT_OF_TURN,
)
"""How the trees' log odds and the pair encoder's logit are added up: by what held-out folds serve. Logits stay below
10, so that what is not asked about could not reach 2.5 either, and thresholds are higher."""


def left_to_rules(rows: NDArray[np.float32], units: Sequence[RequestPair]) -> NDArray[np.bool_]:
    """Which of M units serving leaves to the rules, bool [M], by their rows of features, float32 [M, D], and texts."""
    long = [is_long(unit.a, unit.b, turn=unit.source == "conversations") for unit in units]
    other_form = rows[:, NAMES.index("same_form")] == 0
    return np.asarray(rules_decide(rows) | (np.array(long, bool) & other_form))


def summed(
    log_odds: NDArray[np.float64],
    logits: NDArray[np.float64],
    units: Sequence[RequestPair],
    rule: Combination = COMBINATION,
) -> NDArray[np.float64]:
    """Scores float64 [M] of M units as serving adds them up, the spared pair encoder included.

    Args:
        log_odds: of the trees, float64 [M].
        logits: of the pair encoder, float64 [M]; NaN where it was never asked, and so is the score.
        units: single requests, and turns of conversations.
        rule: how they are added up.
    """
    asked = np.array([rule.leaves_a_chance(value) for value in log_odds]) | np.isnan(logits)
    told = np.where(asked, logits, rule.skipped_logit)
    turns = np.array([unit.source == "conversations" for unit in units])
    bounds = [np.inf if bound is None else bound for bound in (rule.most_logit, rule.most_logit_of_turn)]
    clamped = np.minimum(told, np.where(turns, bounds[1], bounds[0]))
    return np.asarray(rule.trees * log_odds + rule.encoder * clamped + rule.bias, np.float64)
