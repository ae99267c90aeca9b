"""From records to what is learned from them.

Two numbers, because they answer two questions. ``target`` teaches the score: how hard a prompt is for the weak tier. It
ranks prompts, and everything that speaks of difficulty may inform it. ``strong_wins`` calibrates the win rate: it is 1
only where a clearly stronger model gave the strictly better answer, so a tie is 0 and "both bad" says nothing; nor do
two wrong answers to a question, which are the same thing. (Labels of the very pair that serves, in ``training.refit``
and ``training.strengths``, count two wrong answers as 0: a strong call would be wasted there.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import tanh
from statistics import fmean

from msgspec import Struct
from msgspec.structs import replace

from training.bradley_terry import fit_strengths
from training.corpus import Corpus
from training.graded.forms import STRONG, WEAK
from training.records import Battle, Family, Graded, Labelled
from training.splits import group_of

CLEAR_GAP = 0.5
"""Log-odds between two models from which one counts as strong and the other as weak (62 wins in 100)."""

WEAK_SHARE = 0.5
"""The weak tier of a right/wrong table: the lower half of its models by skill."""

STRONG_SHARE = 0.25
"""The strong tier: the upper quarter. What lies between belongs to neither."""


RIGHT = 0.5
"""The grade from which an answer counts as right."""


class Tiers(Struct, frozen=True):
    """The weak and the strong models of one right/wrong table."""

    weak: frozenset[str]
    strong: frozenset[str]


def label(corpus: Corpus) -> list[Labelled]:
    """All labels of a corpus, balanced."""
    return balance([*label_battles(corpus.battles), *label_graded(corpus.graded)])


def label_battles(battles: Sequence[Battle]) -> list[Labelled]:
    """One label for each distinct prompt of each source; where several votes speak of a prompt, their mean.

    Returns:
        labels in the order in which prompts first occur, with weight 1.
    """
    strengths = fit_strengths(battles)
    votes: dict[tuple[str, str], list[Battle]] = defaultdict(list)
    for battle in battles:
        votes[battle.source, battle.prompt].append(battle)
    telling = {battle.source for battle in battles if battle.winner == "both_bad"}
    return [
        _labelled(
            prompt,
            source,
            "chat",
            target=fmean(battle_target(vote, strengths) for vote in same),
            wins=[battle_outcome(vote, strengths) for vote in same],
            both_bad=fmean(vote.winner == "both_bad" for vote in same) if source in telling else None,
        )
        for (source, prompt), same in votes.items()
    ]


def strength_gap(battle: Battle, strengths: Mapping[str, float]) -> float:
    """Strength of model_a less that of model_b. Models called weak and strong are what they are called, clearly."""
    gap = strengths[battle.model_a] - strengths[battle.model_b]
    if (battle.model_a, battle.model_b) == (STRONG, WEAK):
        return max(gap, CLEAR_GAP)
    if (battle.model_a, battle.model_b) == (WEAK, STRONG):
        return min(gap, -CLEAR_GAP)
    return gap


def battle_target(battle: Battle, strengths: Mapping[str, float]) -> float:
    """How hard a vote says its prompt is, 0..1.

    Both bad: 1, nobody could. A tie: 0, either could. Where the stronger model won: from .5 (the two were equals,
    so it says nothing) to 1 (the other was far weaker); where the weaker one won, as far below .5. A win of low degree
    stays nearer to .5.
    """
    if battle.winner == "both_bad":
        return 1.0
    if battle.winner == "tie":
        return 0.0
    gap = strength_gap(battle, strengths)
    toward_a = 1.0 if battle.winner == "model_a" else -1.0
    # tanh(gap / 2) = P(stronger wins) - P(weaker wins), with the sign of the gap
    return 0.5 + 0.5 * toward_a * battle.degree * tanh(gap / 2)


def battle_outcome(battle: Battle, strengths: Mapping[str, float]) -> float | None:
    """1 where the clearly stronger model won, 0 where the weaker one sufficed, None where the vote cannot say."""
    gap = strength_gap(battle, strengths)
    if battle.winner == "both_bad" or abs(gap) < CLEAR_GAP:
        return None
    stronger = "model_a" if gap > 0 else "model_b"
    return 1.0 if battle.winner == stronger else 0.0


def label_graded(graded: Sequence[Graded]) -> list[Labelled]:
    """One label for each distinct prompt of each suite; ``target`` is the share that the weak tier got wrong.

    ``strong_wins`` is how often the strong model is strictly better, over the pairs of the two tiers of which at least
    one model is right.
    Tiers are found for each source. Prompts that no weak model answered are left out: they say nothing.

    Returns:
        labels in the order in which prompts first occur, with weight 1; their source names the suite too.
    """
    tables: dict[str, list[Graded]] = defaultdict(list)
    for row in graded:
        tables[row.source].append(row)
    return [labelled for rows in tables.values() for labelled in _label_table(rows)]


def tiers_of(rows: Sequence[Graded]) -> Tiers:
    """The weak and strong tier of one right/wrong table, by skill.

    A model's skill is how far it is above the other models on the prompts that it answered, so models that answered
    different prompts compare. A table of one pair says itself which is which.
    """
    skill = _skills(rows)
    if {WEAK, STRONG} <= skill.keys():
        return Tiers(frozenset({WEAK}), frozenset({STRONG}))
    ranked = sorted(skill, key=lambda model: (skill[model], model))
    weak = ranked[: max(1, int(WEAK_SHARE * len(ranked)))]
    strong = [model for model in ranked[-max(1, round(STRONG_SHARE * len(ranked))) :] if model not in weak]
    return Tiers(frozenset(weak), frozenset(strong))


def balance(rows: Sequence[Labelled]) -> list[Labelled]:
    """The same labels, weighted so that no source and no family drowns the others.

    A source of n rows counts as the square root of n, chat and exam count alike, and the mean weight is 1.
    """
    sizes: dict[str, int] = defaultdict(int)
    for row in rows:
        sizes[row.source] += 1
    totals: dict[Family, float] = defaultdict(float)
    for row in rows:
        totals[row.family] += sizes[row.source] ** -0.5
    scale = len(rows) / len(totals) if totals else 0.0
    return [replace(row, weight=scale * sizes[row.source] ** -0.5 / totals[row.family]) for row in rows]


def _label_table(rows: Sequence[Graded]) -> Iterable[Labelled]:
    tiers = tiers_of(rows)
    same: dict[tuple[str, str], list[Graded]] = defaultdict(list)
    for row in rows:
        if tiers.weak & row.scores.keys():
            same[f"{row.source}:{row.task}" if row.task else row.source, row.prompt].append(row)
    for (source, prompt), repeats in same.items():
        target = 1.0 - fmean(_tier_mean(row, tiers.weak) for row in repeats)
        yield _labelled(prompt, source, "exam", target=target, wins=[_strong_wins(row, tiers) for row in repeats])


def _skills(rows: Sequence[Graded]) -> dict[str, float]:
    above: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        mean = sum(row.scores.values()) / len(row.scores)
        for model, score in row.scores.items():
            above[model].append(score - mean)
    return {model: fmean(values) for model, values in above.items()}


def _tier_mean(row: Graded, tier: frozenset[str]) -> float:
    return fmean(score for model, score in row.scores.items() if model in tier)


def _strong_wins(row: Graded, tiers: Tiers) -> float | None:
    weak = [score for model, score in row.scores.items() if model in tiers.weak]
    strong = [score for model, score in row.scores.items() if model in tiers.strong]
    better = [high > low for high in strong for low in weak if max(high, low) >= RIGHT]
    return fmean(better) if better else None


def _labelled(
    prompt: str,
    source: str,
    family: Family,
    *,
    target: float,
    wins: Sequence[float | None],
    both_bad: float | None = None,
) -> Labelled:
    known = [win for win in wins if win is not None]
    return Labelled(
        prompt=prompt,
        source=source,
        family=family,
        target=target,
        strong_wins=fmean(known) if known else None,
        weight=1.0,
        group=group_of(prompt),
        both_bad=both_bad,
    )
