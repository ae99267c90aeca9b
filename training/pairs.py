"""Held-out training data in the form of a benchmark: what the weak and the strong tier scored on each prompt.

With these, routing quality can be measured (and the cost-quality curve of an artifact drawn) without any test set.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean

from training.labels import CLEAR_GAP, Tiers, tiers_of
from training.records import Battle, Graded, Pair

OUTCOMES = {"tie": (1.0, 1.0), "both_bad": (0.0, 0.0)}
"""What (weak, strong) scored in a vote without a winner."""


def battle_pairs(battles: Sequence[Battle], strengths: Mapping[str, float]) -> list[Pair]:
    """Votes between a clearly weaker and a clearly stronger model, as scores of 0 or 1 for each.

    Args:
        battles: the votes; those between near equals are left out.
        strengths: log-odds of each model, from :func:`training.bradley_terry.fit_strengths`.
    """
    pairs = []
    for battle in battles:
        gap = strengths[battle.model_a] - strengths[battle.model_b]
        if abs(gap) < CLEAR_GAP:
            continue
        stronger = "model_a" if gap > 0 else "model_b"
        weak, strong = OUTCOMES.get(battle.winner, (0.0, 1.0) if battle.winner == stronger else (1.0, 0.0))
        pairs.append(Pair(prompt=battle.prompt, weak=weak, strong=strong, source=battle.source))
    return pairs


def graded_pairs(graded: Sequence[Graded], tiers: Mapping[str, Tiers] | None = None) -> list[Pair]:
    """Right/wrong tables as the mean score, 0..1, of each tier.

    Args:
        graded: the rows; those that lack a grade of either tier are left out.
        tiers: source -> its tiers, where they were found on more rows than these; else found here.
    """
    tables: dict[str, list[Graded]] = defaultdict(list)
    for row in graded:
        tables[row.source].append(row)
    found = tiers or {source: tiers_of(rows) for source, rows in tables.items()}
    pairs = []
    for row in graded:
        weak = [score for model, score in row.scores.items() if model in found[row.source].weak]
        strong = [score for model, score in row.scores.items() if model in found[row.source].strong]
        if weak and strong:
            source = f"{row.source}:{row.task}" if row.task else row.source
            pairs.append(Pair(prompt=row.prompt, weak=fmean(weak), strong=fmean(strong), source=source))
    return pairs
