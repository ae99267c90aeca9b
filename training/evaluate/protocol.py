"""RouteLLM's evaluation protocol as pure functions of arrays.

Eleven thresholds, the quantiles of the scores at k/10, each give one point of a curve: x is the share of prompts
sent to the strong model (percent), y the mean score of the answers so routed. At the first ten thresholds a prompt
is strong where its score is at least the threshold, at the last where it is above it, so the curve runs from all
strong to none. Which prompts lie above a quantile depends only on their order, so the order is all that is used.

Source: Ong et al., RouteLLM (arXiv 2406.18665), and its public evaluation code.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

STEPS = 10
"""Number of steps from all strong to all weak; the curve has one point more."""


def tie_break(prompts: Sequence[str]) -> NDArray[np.uint64]:
    """A number for each prompt that depends on its text alone, uint64[N]: the order among equal scores."""
    digests = b"".join(blake2b(_bytes(prompt), digest_size=8).digest() for prompt in prompts)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def ranking(scores: FloatArray, prompts: Sequence[str]) -> IntArray:
    """Indices of the prompts from the lowest score to the highest, int64[N]; ties go by the prompt's hash."""
    return np.lexsort((tie_break(prompts), scores)).astype(np.int64)


def weak_counts(n: int) -> IntArray:
    """How many of ``n`` ranked prompts stay weak at each point of the curve, from none strong to all strong, int64[11].

    The quantile at k/10 lies at position (n-1)k/10 of the sorted scores: a prompt exactly there is strong, those
    below are weak. At the last quantile, the maximum, none is strong.
    """
    positions = [-(-(n - 1) * k // STEPS) for k in range(STEPS)]
    return np.array([n, *reversed(positions)], dtype=np.int64)


def curve_of_ranked(weak: FloatArray, strong: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The curve of prompts that are already in ascending order of score.

    Args:
        weak: what the weak model scored on each, float64[N].
        strong: what the strong model scored, float64[N].

    Returns:
        ``(x, y)``, each float64[11], ascending in x: strong share in percent, and mean routed score.
    """
    n = len(weak)
    counts = weak_counts(n)
    weak_sums = np.concatenate(([0.0], np.cumsum(weak)))
    strong_sums = np.concatenate(([0.0], np.cumsum(strong)))
    y = (weak_sums[counts] + strong_sums[-1] - strong_sums[counts]) / n
    return 100.0 * (n - counts) / n, y


def curve(
    scores: FloatArray, weak: FloatArray, strong: FloatArray, prompts: Sequence[str]
) -> tuple[FloatArray, FloatArray]:
    """The curve of a router that gave ``scores``, higher meaning stronger: ``(x, y)`` as in :func:`curve_of_ranked`."""
    order = ranking(scores, prompts)
    return curve_of_ranked(weak[order], strong[order])


def apgr(x: FloatArray, y: FloatArray) -> float:
    """Average performance gap recovered: 0 is always weak, 1 always strong, one half a router that guesses.

    The area under the curve (trapezoids over x in percent) between the ends' scores. NaN where the ends are equal.
    """
    weak, strong = y[0], y[-1]
    if strong == weak:
        return float("nan")
    area = float(np.trapezoid(y, x / 100.0))
    return float((area - weak) / (strong - weak))


def call_performance_threshold(x: FloatArray, y: FloatArray, share: float) -> float:
    """CPT: the least strong share, in percent, at which ``share`` (0..1) of the gap is recovered.

    The curve is read by straight lines between its points; where it is not monotone, the first crossing counts.
    """
    target = y[0] + share * (y[-1] - y[0])
    reached = np.flatnonzero(y >= target)
    if not len(reached):
        return float("nan")
    first = int(reached[0])
    if first == 0:
        return float(x[0])
    part = (target - y[first - 1]) / (y[first] - y[first - 1])
    return float(x[first - 1] + part * (x[first] - x[first - 1]))


def _bytes(prompt: str) -> bytes:
    return prompt.encode("utf-8", "surrogatepass")


def as_scores(values: Any, n: int) -> FloatArray:
    """``values`` as finite float64[n].

    Raises:
        ValueError: another shape, or a value that is not finite.
    """
    scores = np.asarray(values, dtype=np.float64)
    if scores.shape != (n,):
        message = f"expected {n} scores, one for each prompt, got an array of shape {scores.shape}"
        raise ValueError(message)
    if not np.isfinite(scores).all():
        message = "every score must be a finite number"
        raise ValueError(message)
    return scores
