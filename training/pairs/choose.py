"""How much the pair encoder says beside the trees: settled on pairs that neither has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from router.scoring.verifier.artifact import Parts
from router.scoring.verifier.combination import Combination
from router.scoring.verifier.features import PairReader
from router.scoring.verifier.pair_encoder import PairEncoder
from training.pairs.as_served import after_rules, logits_as_served
from training.pairs.made import pair_rows
from training.pairs.measure import best_served
from training.pairs.records import WRITTEN, RequestPair
from training.pairs.rule import summed
from training.pairs.turns import Units

Scores = NDArray[np.float64]

WEIGHTS = (0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
"""Of a logit beside the trees' log odds."""

CLAMPS = (3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 7.5, 8.0)

BUDGETS = (0.01, 0.02, 0.03, 0.04, 0.05)
"""Shares of the traps that may be answered. What is served at the lowest alone is settled by two or three traps."""

LOSSES = 0.005
"""Share of the rewordings, served without a clamp, that one may lose."""


class Tried(Struct, frozen=True):
    """What a weight does without clamps: of each source, the share served at each of ``BUDGETS``, and their mean."""

    weight: float
    served: dict[str, list[float]]
    mean: float


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What is summed for N pairs and their M units: trees' log odds, the gate's verdicts in them, and logits [M]."""

    pairs: Sequence[RequestPair]
    units: Units
    log_odds: Scores
    logits: Scores

    @classmethod
    def of(cls, parts: Parts, encoder: PairEncoder, pairs: Sequence[RequestPair]) -> Ingredients:
        """Of pairs, as serving reads them."""
        reader = PairReader(parts.table)
        units = Units.of_pairs(pairs)
        rows, _ = pair_rows(units.pairs, reader)
        log_odds = after_rules(parts.trees.predict(rows), rows, units.pairs)
        logits = logits_as_served(encoder, reader, units.pairs, np.ones(len(units.pairs), bool))
        return cls(pairs, units, log_odds, logits)

    def scores(self, rule: Combination) -> Scores:
        """Float64 [N]."""
        return self.units.gathered(summed(self.log_odds, self.logits, self.units.pairs, rule))

    def of_source(self, source: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which pairs are of a source, and which want the same answer; bool [N] each."""
        there = np.array([pair.source == source for pair in self.pairs])
        return there, np.array([pair.same_answer for pair in self.pairs])


def chosen_rule(found: Ingredients) -> tuple[Combination, list[Tried]]:
    """The weight that serves most, on average over sources and budgets, and the lowest clamps that lose hardly any.

    The encoder is asked wherever a clamped logit could lift a pair over the threshold: no other bound is set.
    """
    tried = [_tried(found, weight) for weight in WEIGHTS]
    rule = Combination(encoder=max(tried, key=lambda each: each.mean).weight)
    # What is surely at most 1 % of the traps lies between none of them and 1 % of these few.
    thresholds = [max(_threshold(found, rule, source, budget) for source in WRITTEN) for budget in (0.0, BUDGETS[0])]
    return replace(
        rule,
        most_logit=_clamp(found, rule, "questions", thresholds),
        most_logit_of_turn=_clamp(found, rule, "conversations", thresholds),
    ), tried


def _tried(found: Ingredients, weight: float) -> Tried:
    scores = found.scores(Combination(encoder=weight))
    served: dict[str, list[float]] = {}
    for source in WRITTEN:
        there, same = found.of_source(source)
        served[source] = [best_served(scores[there], same[there], budget).served_share for budget in BUDGETS]
    return Tried(weight, served, float(np.mean(list(served.values()))))


def _threshold(found: Ingredients, rule: Combination, source: str, budget: float) -> float:
    """Above all but this share of the traps."""
    there, same = found.of_source(source)
    traps = np.sort(found.scores(rule)[there & ~same])[::-1]
    return float(np.nextafter(traps[int(budget * len(traps))], np.inf))


def _clamp(found: Ingredients, rule: Combination, source: str, thresholds: Sequence[float]) -> float:
    """The lowest at which hardly any rewording falls below any of the thresholds."""
    there, same = found.of_source(source)
    free = found.scores(rule)[there & same]
    for most in CLAMPS:
        clamped = found.scores(replace(rule, most_logit=most, most_logit_of_turn=most))[there & same]
        lost = max(int(((free >= threshold) & (clamped < threshold)).sum()) for threshold in thresholds)
        if lost <= LOSSES * len(free):
            return most
    return CLAMPS[-1]
