"""The test of a bounded mean holds its level whatever the distribution, and has the power to be worth using."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom, norm

from training.promise.betting import mean_is_positive

FloatArray = NDArray[np.float64]

LEVEL = 0.05
SAMPLES = 4_000
MOST = int(binom.ppf(0.999, SAMPLES, LEVEL))
"""More samples than this say yes by chance once in a thousand runs, where each may do so with a chance of ``LEVEL``."""


def routed_gains(rng: np.random.Generator, size: tuple[int, int]) -> FloatArray:
    """Gains of a table like MMLU's at quality .8, in the worst case: a mean of just zero."""
    return rng.choice([0.2, -0.2, -0.8, 0.8], p=[0.64, 0.16, 0.16, 0.04], size=size)


def coins(rng: np.random.Generator, size: tuple[int, int]) -> FloatArray:
    return rng.choice([-1.0, 1.0], size=size)


def rare_losses(rng: np.random.Generator, size: tuple[int, int]) -> FloatArray:
    """Seldom a great loss, mostly a small win: what fools whoever trusts the sample's own spread."""
    return rng.choice([-0.99, 0.01], p=[0.01, 0.99], size=size)


def spread_out(rng: np.random.Generator, size: tuple[int, int]) -> FloatArray:
    return rng.uniform(-0.5, 0.5, size=size)


@pytest.mark.parametrize("draw", [routed_gains, coins, rare_losses, spread_out])
@pytest.mark.parametrize("n", [10, 100, 400])
def test_a_mean_of_zero_is_called_positive_no_more_often_than_stated(draw: object, n: int) -> None:
    assert callable(draw)
    values = draw(np.random.default_rng(n), (SAMPLES, n))
    assert values.mean() == pytest.approx(0.0, abs=0.02)
    assert mean_is_positive(values, lowest=-1.0, level=LEVEL).sum() <= MOST


def test_the_normal_approximation_would_not_pass_that_test() -> None:
    values = rare_losses(np.random.default_rng(100), (SAMPLES, 100))
    with np.errstate(divide="ignore"):
        z = values.mean(axis=1) / (values.std(axis=1) / 10)
    assert (z > norm.ppf(1 - LEVEL)).sum() > MOST


def test_a_mean_two_and_a_half_standard_errors_above_zero_is_mostly_found() -> None:
    values = routed_gains(np.random.default_rng(7), (SAMPLES, 400))
    shifted = values + 2.5 * values.std() / 20
    assert mean_is_positive(shifted, lowest=-0.8, level=LEVEL).mean() > 0.6


def test_a_smaller_level_asks_for_more() -> None:
    values = routed_gains(np.random.default_rng(8), (500, 400)) + 0.04
    found = [mean_is_positive(values, lowest=-0.8, level=level).sum() for level in (0.2, 0.05, 0.001)]
    assert found[0] > found[1] > found[2] > 0


def test_no_value_shows_nothing() -> None:
    assert not mean_is_positive(np.empty(0), lowest=-1.0, level=LEVEL)
    assert not mean_is_positive(np.zeros(50), lowest=-1.0, level=LEVEL)
