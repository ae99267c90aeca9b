"""From prompts without grades to the threshold that sends a share of them to the strong model, and how sure that is.

Both intervals are exact whatever the distribution of win rates, for prompts drawn at random from the traffic that is
meant: Clopper and Pearson's for the share that a threshold sends, and the one of order statistics for the threshold
that sends the share (H. A. David and H. N. Nagaraja, Order Statistics, 3rd ed., section 7.1).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.scoring.familiarity import UNFAMILIAR_ABOVE
from router.scoring.scorer import Scorer
from router.types import WhenUnfamiliar

FloatArray = NDArray[np.float64]

WIN_RATE_OF = {"strong": 1.0, "weak": 0.0}
"""At or above every threshold that routes at all, or below it."""

CONFIDENCE = 0.95
_STEPS = 50
"""Halvings of a range: all digits that matter."""
_MOST_DIGITS = 12
_MARGIN = 0.1
"""Of the gap between two win rates, kept from either: another machine's last digit may differ."""


class ShareThreshold(Struct, frozen=True, kw_only=True):
    """A threshold and the share of ``n`` prompts that it sends to the strong model.

    ``share_low`` and ``share_high``: where the share of all traffic like these prompts lies, at ``confidence``.
    ``threshold_low`` and ``threshold_high``: where the threshold lies that sends just the share that was ``wanted``.
    """

    wanted: float
    threshold: float
    share: float
    share_low: float
    share_high: float
    threshold_low: float
    threshold_high: float
    n: int
    confidence: float = CONFIDENCE


def scored(scorer: Scorer, prompts: Iterable[str], *, when_unfamiliar: WhenUnfamiliar = "strong") -> FloatArray:
    """Win rates float64 [N] as a threshold sees them: at an end where a prompt is unfamiliar and goes there anyhow."""
    return np.array(
        [seen(score.win_rate, score.unfamiliarity, when_unfamiliar) for score in map(scorer.score, prompts)]
    )


def seen(win_rate: float, unfamiliarity: float | None, when_unfamiliar: WhenUnfamiliar) -> float:
    """One win rate as a threshold sees it."""
    return WIN_RATE_OF.get(when_unfamiliar, win_rate) if is_unfamiliar(unfamiliarity) else win_rate


def is_unfamiliar(unfamiliarity: float | None) -> bool:
    """Whether a prompt counts as unfamiliar; never where its artifact cannot tell."""
    return unfamiliarity is not None and unfamiliarity > UNFAMILIAR_ABOVE


def threshold_for_share(win_rates: FloatArray, share: float, *, confidence: float = CONFIDENCE) -> ShareThreshold:
    """The threshold that sends the share of these prompts that is nearest to the one wanted.

    Equal win rates cannot be parted. The threshold has the fewest digits that part those that can.

    Args:
        win_rates: [N], N of 1 or more, 0..1.
        share: wanted, 0..1.
        confidence: of both intervals, above 0 and below 1.

    Raises:
        ValueError: there are none.
    """
    n = len(win_rates)
    if not n:
        raise ValueError("There are no prompts to tell a share of.")
    falling = np.sort(win_rates)[::-1]
    sent = _nearest_cut(falling, share * n)
    low, high = _share_limits(sent, n, confidence)
    fewest, most = _binomial_limits(n, share, confidence)
    return ShareThreshold(
        wanted=share,
        threshold=_between(falling, sent),
        share=sent / n,
        share_low=low,
        share_high=high,
        threshold_low=_at(falling, most),
        threshold_high=_at(falling, fewest - 1),
        n=n,
        confidence=confidence,
    )


def _nearest_cut(falling: FloatArray, wanted: float) -> int:
    """How many prompts are sent, of the numbers that a threshold can send, nearest to how many are wanted."""
    ends = np.flatnonzero(np.diff(falling)) + 1
    cuts = np.concatenate([[0], ends, [len(falling)]])
    return int(cuts[np.argmin(np.abs(cuts - wanted))])


def _between(falling: FloatArray, sent: int) -> float:
    """A threshold at or below the last one that is sent, above the next, of few digits; 0 and 1 send all and none."""
    if sent in (0, len(falling)):
        return 0.0 if sent else 1.0
    below, upto = float(falling[sent]), float(falling[sent - 1])
    margin = _MARGIN * (upto - below)
    for digits in range(2, _MOST_DIGITS):
        near = round((below + upto) / 2, digits)
        if below + margin < near < upto - margin:
            return near
    return upto


def _at(falling: FloatArray, place: int) -> float:
    """The win rate at a place from the top, 0..1 beyond both ends."""
    if place < 0:
        return 1.0
    return 0.0 if place >= len(falling) else float(falling[place])


def _share_limits(sent: int, n: int, confidence: float) -> tuple[float, float]:
    tail = (1.0 - confidence) / 2
    low = 0.0 if sent == 0 else 1.0 - _upper(n - sent, n, tail)
    high = 1.0 if sent == n else _upper(sent, n, tail)
    return low, high


def _upper(cases: int, n: int, tail: float) -> float:
    """The share at which so few cases or fewer have the chance ``tail``."""
    low, high = cases / n, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _binomial(n, middle)[: cases + 1].sum() > tail else (low, middle)
    return high


def _binomial_limits(n: int, share: float, confidence: float) -> tuple[int, int]:
    """Between which numbers of ``n`` prompts lie above the true threshold, with both tails at most half of the rest."""
    if share in (0.0, 1.0):
        return int(share * n), int(share * n)
    tail = (1.0 - confidence) / 2
    below = np.cumsum(_binomial(n, share))
    return int(np.searchsorted(below, tail, side="right")), int(np.searchsorted(below, 1.0 - tail))


def _binomial(n: int, share: float) -> FloatArray:
    """Chances float64 [n + 1] of 0..n cases, each of ``n`` being one with the chance ``share``, 0 < share < 1."""
    counts = np.arange(n)
    steps = np.log(n - counts) - np.log(counts + 1.0) + np.log(share) - np.log1p(-share)
    logs = n * np.log1p(-share) + np.concatenate([[0.0], np.cumsum(steps)])
    chances: FloatArray = np.exp(logs)
    return chances
