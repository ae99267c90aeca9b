"""The threshold for a share of prompts, and how sure it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom

from router.scoring.shares import seen, threshold_for_share

WIN_RATES = st.lists(st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=60)


@given(WIN_RATES, st.floats(0, 1))
def test_the_share_that_is_told_is_the_one_that_the_threshold_sends(win_rates: list[float], share: float) -> None:
    found = threshold_for_share(np.array(win_rates), share)
    sent = [win_rate >= found.threshold for win_rate in win_rates]
    if found.threshold < 1.0:  # 1 means never, whatever the win rate
        assert sum(sent) == round(found.share * found.n)
    assert found.share_low <= found.share <= found.share_high


@given(WIN_RATES, st.floats(0, 1))
def test_no_other_threshold_comes_nearer_to_the_share(win_rates: list[float], share: float) -> None:
    found = threshold_for_share(np.array(win_rates), share)
    others = [sum(other >= win_rate for other in win_rates) / len(win_rates) for win_rate in win_rates]
    assert abs(found.share - share) <= min(abs(other - share) for other in [0.0, *others]) + 1e-12


def test_a_threshold_has_no_more_digits_than_it_needs() -> None:
    assert threshold_for_share(np.array([0.7, 0.76, 0.81, 0.9]), 0.5).threshold in (0.78, 0.79)
    assert threshold_for_share(np.array([0.7712, 0.7718]), 0.5).threshold == 0.7715


def test_all_and_none_are_the_ends_of_the_scale() -> None:
    win_rates = np.array([0.7, 0.8])
    assert threshold_for_share(win_rates, 1.0).threshold == 0.0
    assert threshold_for_share(win_rates, 0.0).threshold == 1.0


def test_both_intervals_are_exact() -> None:
    win_rates = np.random.default_rng(7).beta(40, 12, 1000)
    found = threshold_for_share(win_rates, 0.3)
    sent = round(found.share * 1000)
    assert found.share_low == pytest.approx(beta.ppf(0.025, sent, 1000 - sent + 1), abs=1e-9)
    assert found.share_high == pytest.approx(beta.ppf(0.975, sent + 1, 1000 - sent), abs=1e-9)
    falling = np.sort(win_rates)[::-1]
    assert found.threshold_high == falling[int(binom.ppf(0.025, 1000, 0.3)) - 1]
    assert found.threshold_low == falling[int(binom.ppf(0.975, 1000, 0.3))]


def test_of_a_hundred_draws_about_five_intervals_miss() -> None:
    draws = np.random.default_rng(11).uniform(size=(400, 150))
    found = [threshold_for_share(draw, 0.25) for draw in draws]
    assert np.mean([each.threshold_low <= 0.75 <= each.threshold_high for each in found]) > 0.94
    assert np.mean([each.share_low <= 1 - each.threshold <= each.share_high for each in found]) > 0.94


def test_unfamiliar_prompts_count_where_they_go() -> None:
    assert [seen(0.7, 1.2, when) for when in ("strong", "weak", "win-rate")] == [1.0, 0.0, 0.7]
    assert seen(0.7, 0.9, "strong") == seen(0.7, None, "strong") == 0.7


def test_without_prompts_there_is_nothing_to_tell() -> None:
    with pytest.raises(ValueError, match="no prompts"):
        threshold_for_share(np.array([]), 0.5)
