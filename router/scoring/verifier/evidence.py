"""From what a verifier did with traps that no fit knew to the threshold that keeps wrong answers rare."""

from __future__ import annotations

import math
from collections.abc import Mapping

from msgspec import Struct

CONFIDENCE = 0.95
MAX_WRONG = 0.01
"""Share of traps that the shipped setting may answer wrongly, at most, as an upper limit."""

ALWAYS, NEVER = math.inf, -math.inf
"""Scores of what is certainly the same request, and of what can never be served."""


class Evidence(Struct, frozen=True, kw_only=True):
    """Scores of traps by fits that knew neither them nor any pair of their group; kinds of traps may have been known.

    ``traps``: how many there were. ``tail``: the highest of their scores, highest first; as many as the loosest
    setting in use may answer, and one more.
    """

    traps: int
    tail: list[float]

    def __post_init__(self) -> None:
        falling = all(first >= second for first, second in zip(self.tail, self.tail[1:], strict=False))
        if not falling or not 0 < len(self.tail) <= self.traps or not all(map(math.isfinite, self.tail)):
            raise ValueError(f"between 1 and {self.traps} finite scores, highest first, are due")


def threshold_for(evidence: Evidence, max_wrong: float, *, confidence: float = CONFIDENCE) -> float:
    """The lowest threshold at which the share of wrongly answered traps is surely at most ``max_wrong``.

    "Surely": Clopper and Pearson's one-sided upper limit at ``confidence`` is. Infinite where even no wrong answer
    among so few traps could show it. Where the tail ends before the limit does, its end decides.
    """
    allowed = most_wrong(evidence.traps, max_wrong, confidence=confidence)
    if allowed < 0:
        return ALWAYS
    return math.nextafter(evidence.tail[min(allowed, len(evidence.tail) - 1)], math.inf)


def common_threshold(evidence: Mapping[str, Evidence], max_wrong: float) -> float:
    """The threshold that keeps the promise for each of several kinds of traps; infinite where there are none."""
    return max((threshold_for(each, max_wrong) for each in evidence.values()), default=ALWAYS)


def most_wrong(traps: int, share: float, *, confidence: float = CONFIDENCE) -> int:
    """The most wrong answers among ``traps`` whose upper limit is still at most ``share``; -1 where not even none is.

    Raises:
        ValueError: ``share`` is not within 0..1.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"a share is within 0..1, found {share}")
    if share in (0.0, 1.0):
        return traps if share else -1
    chance = 0.0
    for wrong in range(traps + 1):
        chance += _chance(wrong, traps, share)
        if chance > 1 - confidence:
            return wrong - 1
    return traps


def upper_limit(wrong: int, traps: int, *, confidence: float = CONFIDENCE) -> float:
    """Clopper and Pearson's one-sided upper limit of a share, 0..1, of which ``wrong`` of ``traps`` were seen."""
    if wrong >= traps:
        return 1.0
    low, high = 0.0, 1.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        few = math.fsum(_chance(count, traps, middle) for count in range(wrong + 1))
        low, high = (middle, high) if few > 1 - confidence else (low, middle)
    return high


def lower_limit(right: int, tried: int, *, confidence: float = CONFIDENCE) -> float:
    """The one-sided lower limit, likewise."""
    return 1.0 - upper_limit(tried - right, tried, confidence=confidence)


def probability(score: float, threshold: float) -> float:
    """A score as 0..1, rising with it: 0.5 and above exactly from ``threshold`` on; ``ALWAYS`` is 1, ``NEVER`` 0."""
    if score in (ALWAYS, NEVER):
        return float(score == ALWAYS)
    if threshold == ALWAYS:  # nothing that is not certain is served, but scores still rank
        return 0.5 * _sigmoid(score) * (1.0 - 1e-9)
    found = _sigmoid(score - threshold)
    return found if score >= threshold else min(found, math.nextafter(0.5, 0.0))


def _sigmoid(value: float) -> float:
    if value >= 0:
        return 1.0 / (1.0 + math.exp(-value))
    rising = math.exp(value)
    return rising / (1.0 + rising)


def _chance(count: int, tried: int, share: float) -> float:
    """That exactly ``count`` of ``tried`` are cases, where each is one with the chance ``share``, within 0..1."""
    ways = math.lgamma(tried + 1) - math.lgamma(count + 1) - math.lgamma(tried - count + 1)
    return math.exp(ways + count * math.log(share) + (tried - count) * math.log1p(-share))
