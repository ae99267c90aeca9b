"""What an artifact's own data looked like, and how far other data is from it: bins, shares and a stability index."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import inf, isfinite, sqrt
from statistics import NormalDist
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import ArrayLike, NDArray

from router.scoring.curve import Fraction

FEWEST = 100
"""Fewer values than this say nothing about a distribution of ten bins."""

SHIFTED_FROM = 0.1
"""Stability index from which a shift is worth acting on; usually read as: .1 some shift, .25 a large one."""

SIGNIFICANCE = 0.01
"""A shift must also be this improbable by chance, so that small samples are not read as drift."""

_LEAST_SHARE = 1e-4
_ROUNDING = 1e-3

Verdict = Literal["stable", "shifted", "not enough requests"]


class Distribution(Struct, frozen=True, kw_only=True):
    """A distribution by bins: ``edges`` rise, B of them; ``shares`` of the B + 1 bins add up to 1.

    A value equal to an edge belongs to the bin above it.

    Raises:
        ValueError: edges or shares are not like that.
    """

    edges: list[float]
    shares: list[float]

    def __post_init__(self) -> None:
        if len(self.shares) != len(self.edges) + 1:
            raise ValueError(f"{len(self.edges)} edges make {len(self.edges) + 1} bins, not {len(self.shares)}")
        if not all(map(isfinite, self.edges)) or any(left >= right for left, right in pairwise(self.edges)):
            raise ValueError("edges must be finite and rise")
        if not all(share >= 0 for share in self.shares) or abs(sum(self.shares) - 1) > _ROUNDING:
            raise ValueError("shares must not be negative, and must add up to 1")

    def counts(self, values: ArrayLike) -> list[int]:
        """How many of the values fall into each bin, [B + 1]."""
        counts: list[int] = np.bincount(self.bins(values), minlength=len(self.shares)).tolist()
        return counts

    def bins(self, values: ArrayLike) -> NDArray[np.intp]:
        """The bin of each value."""
        return np.searchsorted(np.asarray(self.edges), np.asarray(values, np.float64), side="right")


class Reference(Struct, frozen=True, kw_only=True):
    """The prompts behind an artifact: their win rates, scored tokens and unfamiliarity, and how many they are.

    ``unfamiliar_share`` is the share of them that counts as unfamiliar while it is held out of the reference.
    """

    n: Annotated[int, Meta(ge=0)]
    win_rate: Distribution
    tokens: Distribution
    unfamiliarity: Distribution
    unfamiliar_share: Fraction


class Shift(Struct, frozen=True, kw_only=True):
    """How far ``n`` values are from what they are compared with.

    ``psi``: population stability index; ``p``: chance of as large a shift where there is none. None where there are
    too few values.
    """

    verdict: Verdict
    n: int
    psi: float | None = None
    p: float | None = None


def shift(counts: Sequence[int], expected: Sequence[float], *, expected_n: int) -> Shift:
    """Compare counts by bins with the shares of another sample.

    Args:
        counts: how many values each bin holds.
        expected: the other sample's shares of the same bins.
        expected_n: how many values these shares were taken from.
    """
    n = sum(counts)
    if min(n, expected_n) < FEWEST:
        return Shift(verdict="not enough requests", n=min(n, expected_n))
    index = stability_index(counts, expected)
    # Under no drift the index times this size follows a chi-squared law, of one degree less than there are bins in use.
    size = n * expected_n / (n + expected_n)
    used = sum(bool(count) or share > _LEAST_SHARE for count, share in zip(counts, expected, strict=True))
    p = _chance(_chi_squared(counts, expected, size), max(used - 1, 1))
    shifted = p < SIGNIFICANCE and index >= SHIFTED_FROM
    return Shift(verdict="shifted" if shifted else "stable", n=n, psi=round(index, 4), p=round(p, 6))


def stability_index(counts: Sequence[int], expected: Sequence[float]) -> float:
    """Population stability index: the symmetric divergence of two binned distributions, 0 where they are equal."""
    found, due = _shares(counts), _shares(expected)
    return float(((found - due) * np.log(found / due)).sum())


def share_shift(hits: int, n: int, expected: float, *, expected_n: int | None, margin: float) -> Verdict:
    """Whether a share differs from the expected one by more than ``margin`` and by more than chance allows.

    The deviation that chance allows is that of two samples from one law, whose share is the pooled one.

    Args:
        hits: how many of the ``n`` values count.
        n: how many values there are.
        expected: the expected share, 0..1.
        expected_n: how many values the expected share was taken from; None where it is no sample's.
        margin: least difference that matters.
    """
    other = inf if expected_n is None else expected_n
    if min(n, other) < FEWEST:
        return "not enough requests"
    found = hits / n
    weight = n / (n + other)
    pooled = weight * found + (1 - weight) * expected
    size = (1 - weight) * n
    deviation = sqrt(max(pooled * (1 - pooled), 1 / size) / size)
    distance = abs(found - expected)
    certain = distance > NormalDist().inv_cdf(1 - SIGNIFICANCE / 2) * deviation
    return "shifted" if certain and distance > margin else "stable"


def _shares(counts: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(counts, np.float64)
    shares: NDArray[np.float64] = np.maximum(values / values.sum(), _LEAST_SHARE)
    return shares


def _chi_squared(counts: Sequence[int], expected: Sequence[float], size: float) -> float:
    """Pearson's statistic of two samples, written in shares: ``size`` times the squared distance by pooled share."""
    found = np.asarray(counts, np.float64) / sum(counts)
    due = np.asarray(expected, np.float64) / sum(expected)
    weight = 1 - size / sum(counts)
    pooled = weight * found + (1 - weight) * due
    used = pooled > 0
    return float(size * (((found - due) ** 2)[used] / pooled[used]).sum())


def _chance(statistic: float, freedom: int) -> float:
    """Upper tail of the chi-squared law, by Wilson and Hilferty's cube root: within .001 of the exact one here."""
    spread = 2 / (9 * freedom)
    return 1 - NormalDist().cdf(((statistic / freedom) ** (1 / 3) - (1 - spread)) / sqrt(spread))
