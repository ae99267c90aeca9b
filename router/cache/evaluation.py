"""How often a verifier answers what it should and what it should not, on pairs that people have judged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.scoring.pair import SERVED_FROM
from router.scoring.verifier.evidence import lower_limit, upper_limit

Conversation = str | list[Mapping[str, Any]]
"""A question on its own, or a list of messages as OpenAI writes them."""

BUDGETS = (0.01, 0.05)
"""Shares of the traps that may be answered, for which the best threshold is looked up."""

_EACH_SIDE = 0.975
"""Confidence of either limit of a 95 % interval."""

Column = NDArray[np.float64]


class JudgedPair(Struct, frozen=True):
    """Two requests, and whether whoever sends ``b`` wants exactly the answer to ``a``.

    ``family`` names in what way they differ, "" where nobody said.
    """

    a: Conversation
    b: Conversation
    same_answer: bool
    family: str = ""


class Share(Struct, frozen=True, kw_only=True):
    """``count`` of ``of``, as a share 0..1 with its exact 95 % interval; None where there is nothing to share."""

    count: int
    of: int
    share: float | None
    interval: tuple[float, float] | None

    @classmethod
    def counted(cls, count: int, of: int) -> Share:
        """A share with the limits of Clopper and Pearson."""
        if not of:
            return cls(count=count, of=of, share=None, interval=None)
        limits = lower_limit(count, of, confidence=_EACH_SIDE), upper_limit(count, of, confidence=_EACH_SIDE)
        return cls(count=count, of=of, share=count / of, interval=limits)


class Served(Struct, frozen=True, kw_only=True):
    """What one threshold does: should-hits served, and traps answered wrongly."""

    hits: Share
    wrong: Share


class Family(Struct, frozen=True, kw_only=True):
    """Pairs that differ in the same way, and how many of them the shipped setting serves."""

    family: str
    same_answer: bool
    served: Share


class Evaluation(Struct, frozen=True, kw_only=True):
    """Figures of a verifier on judged pairs.

    ``shipped``: at its own setting. ``best``: by share of traps that may be answered, the most that any threshold
    serves; it knows the labels, so it flatters. ``auc``: the chance that a should-hit is scored above a trap, None
    where one of the two is missing. ``cpu_ms_per_pair``: processor time of a verdict, all threads of the process.
    """

    verifier: str
    max_wrong: float
    pairs: int
    shipped: Served
    best: dict[str, Served]
    auc: float | None
    cpu_ms_per_pair: float
    families: list[Family]


def evaluated(
    pairs: Sequence[JudgedPair], verdicts: Sequence[float], *, verifier: str, max_wrong: float, cpu_s: float
) -> Evaluation:
    """Figures from the verdicts, 0..1, on N pairs.

    Args:
        pairs: what was judged.
        verdicts: what ``would_hit`` or its like said of each.
        verifier: its name and version.
        max_wrong: of its setting.
        cpu_s: processor time of all verdicts, in seconds.
    """
    scores = np.array(verdicts, np.float64)
    same = np.array([pair.same_answer for pair in pairs], bool)
    hits, traps = scores[same], scores[~same]
    return Evaluation(
        verifier=verifier,
        max_wrong=max_wrong,
        pairs=len(pairs),
        shipped=_served(hits, traps, SERVED_FROM),
        best={str(budget): _served(hits, traps, _best_threshold(traps, budget)) for budget in BUDGETS},
        auc=_auc(hits, traps),
        cpu_ms_per_pair=1e3 * cpu_s / max(1, len(pairs)),
        families=_families(pairs, scores >= SERVED_FROM),
    )


def _served(hits: Column, traps: Column, threshold: float) -> Served:
    return Served(
        hits=Share.counted(int((hits >= threshold).sum()), len(hits)),
        wrong=Share.counted(int((traps >= threshold).sum()), len(traps)),
    )


def _best_threshold(traps: Column, budget: float) -> float:
    """The lowest one that leaves at most ``budget`` of the traps at it or above."""
    allowed = int(budget * len(traps))
    if allowed >= len(traps):
        return float("-inf")
    return float(np.nextafter(np.sort(traps)[::-1][allowed], np.inf))


def _auc(hits: Column, traps: Column) -> float | None:
    if not len(hits) or not len(traps):
        return None
    ordered = np.sort(traps)
    below = np.searchsorted(ordered, hits, "left") + np.searchsorted(ordered, hits, "right")
    return float(below.mean()) / (2 * len(traps))


def _families(pairs: Iterable[JudgedPair], served: NDArray[np.bool_]) -> list[Family]:
    """Should-hits first, then traps, each family by name; none where no pair names one."""
    counts: defaultdict[tuple[bool, str], list[bool]] = defaultdict(list)
    for pair, was_served in zip(pairs, served, strict=True):
        if pair.family:
            counts[not pair.same_answer, pair.family].append(bool(was_served))
    return [
        Family(family=family, same_answer=not trap, served=Share.counted(sum(each), len(each)))
        for (trap, family), each in sorted(counts.items())
    ]
