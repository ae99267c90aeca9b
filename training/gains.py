"""What sending a prompt to the strong tier gains: the unit in which quality (PGR) is measured.

For a vote between a clearly stronger and a weaker model: 1 where the stronger one won, -1 where it lost, 0 for a tie;
"both bad" says nothing of the difference. For a right/wrong table: the strong tier's mean grade less the weak tier's.
Always strong gains the sum over all prompts; a router recovers the part of it that lies on the prompts it sends to the
strong model.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from statistics import fmean

from training.bradley_terry import fit_strengths
from training.corpus import Corpus
from training.labels import CLEAR_GAP, strength_gap, tiers_of
from training.records import Battle, Graded

Key = tuple[str, str]
"""Source (as labels name it) and prompt."""


def gains(corpus: Corpus) -> dict[Key, float]:
    """Mean gain of every prompt of which the records can tell, -1..1."""
    found: dict[Key, list[float]] = defaultdict(list)
    for key, gain in (*_of_battles(corpus.battles), *_of_tables(corpus.graded)):
        found[key].append(gain)
    return {key: fmean(values) for key, values in found.items()}


def _of_battles(battles: list[Battle]) -> Iterator[tuple[Key, float]]:
    strengths = fit_strengths(battles)
    for battle in battles:
        gain = _battle_gain(battle, strengths)
        if gain is not None:
            yield (battle.source, battle.prompt), gain


def _battle_gain(battle: Battle, strengths: Mapping[str, float]) -> float | None:
    gap = strength_gap(battle, strengths)
    if battle.winner == "both_bad" or abs(gap) < CLEAR_GAP:
        return None
    if battle.winner == "tie":
        return 0.0
    stronger = "model_a" if gap > 0 else "model_b"
    return battle.degree if battle.winner == stronger else -battle.degree


def _of_tables(graded: list[Graded]) -> Iterator[tuple[Key, float]]:
    tables: dict[str, list[Graded]] = defaultdict(list)
    for row in graded:
        tables[row.source].append(row)
    for source, rows in tables.items():
        tiers = tiers_of(rows)
        for row in rows:
            weak = [score for model, score in row.scores.items() if model in tiers.weak]
            strong = [score for model, score in row.scores.items() if model in tiers.strong]
            if weak and strong:
                yield (f"{source}:{row.task}" if row.task else source, row.prompt), fmean(strong) - fmean(weak)
