"""The cheapest threshold that keeps a promise, and how often it keeps it."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom

from router.scoring.curve import Promise, PromiseKind
from tests.promise.splits import cheapest_kept, kept, share, simulate
from training.promise import Rows, promised_threshold, saves
from training.promise.exact import fewest_rows, fewest_rows_before, most_cases, most_cases_before

SPLITS = 500


def promise(kind: PromiseKind, target: float, confidence: float = 0.95) -> Promise:
    return Promise(kind=kind, target=target, confidence=confidence)


def most_broken(splits: int, confidence: float) -> int:
    """More broken promises than this happen by chance once in a thousand runs, where the guarantee only just holds."""
    return int(binom.ppf(0.999, splits, 1.0 - confidence))


def traffic(n: int, *, seed: int, losses: float = 0.07) -> Rows:
    """Rows on which the strong model wins the more often the higher the win rate is, and now and then loses."""
    rng = np.random.default_rng(seed)
    win_rates = rng.uniform(0.6, 0.9, n)
    draw = rng.uniform(size=n)
    wins = draw > 1.0 - 2.0 * (win_rates - 0.6)
    gains = np.where(draw < losses, -1.0, wins.astype(np.float64))
    return Rows(win_rates=win_rates, gains=gains, form="pairs")


def graded_weak_only(rows: Rows) -> Rows:
    assert rows.gains is not None
    return Rows(win_rates=rows.win_rates, gains=np.maximum(rows.gains, 0.0), form="weak-only")


@pytest.mark.parametrize("kind", ["quality", "strong_share"])
@pytest.mark.parametrize(("target", "confidence"), [(0.3, 0.9), (0.8, 0.95)])
def test_a_promise_is_broken_no_more_often_than_stated(kind: PromiseKind, target: float, confidence: float) -> None:
    table = traffic(20_000, seed=1)
    tally = simulate(table, promise(kind, target, confidence), n=300, splits=SPLITS, seed=2)
    assert tally.broken <= most_broken(SPLITS, confidence)
    assert tally.broken_later <= most_broken(SPLITS, confidence)
    assert tally.broken_drawn <= most_broken(SPLITS, confidence)
    assert tally.none < SPLITS / 4


def test_the_guarantee_holds_for_labels_of_the_weak_model_alone() -> None:
    table = graded_weak_only(traffic(20_000, seed=3))
    tally = simulate(table, promise("quality", 0.8, 0.9), n=300, splits=SPLITS, seed=4)
    assert 0 < tally.broken <= most_broken(SPLITS, 0.9)
    assert tally.none < SPLITS / 10


@pytest.mark.parametrize("kind", ["quality", "strong_share"])
def test_the_threshold_that_just_keeps_it_on_the_sample_would_not_pass_that_test(kind: PromiseKind) -> None:
    table = traffic(20_000, seed=1)
    tally = simulate(table, promise(kind, 0.8), n=300, splits=SPLITS, seed=2)
    assert tally.plug_in_broken > SPLITS / 4


def test_more_rows_make_a_promise_cheaper_and_never_cheaper_than_the_oracle() -> None:
    table = traffic(20_000, seed=1)
    shares = [simulate(table, promise("quality", 0.8), n=n, splits=20, seed=5).share for n in (100, 400, 1_600)]
    best = simulate(table, promise("quality", 0.8), n=100, splits=1, seed=5).best_share
    assert shares == sorted(shares, reverse=True)
    assert best < shares[-1] < best + 0.1


def test_a_quality_is_kept_on_a_later_stretch_as_long_as_the_rows_too() -> None:
    table = traffic(1_000, seed=6)
    for rows in (table, graded_weak_only(table)):
        tally = simulate(rows, promise("quality", 0.8, 0.9), n=500, splits=SPLITS, seed=7)
        assert 0 < tally.broken_later <= most_broken(SPLITS, 0.9)


def test_without_a_gap_no_quality_is_promised() -> None:
    rng = np.random.default_rng(9)
    level = Rows(win_rates=rng.uniform(size=500), gains=rng.choice([-1.0, 1.0], size=500), form="pairs")
    lost = Rows(win_rates=rng.uniform(size=500), gains=-rng.choice([0.0, 1.0], size=500), form="pairs")
    alike = Rows(win_rates=rng.uniform(size=500), gains=np.zeros(500), form="weak-only")
    assert [promised_threshold(rows, promise("quality", 0.2)) for rows in (level, lost, alike)] == [None, None, None]


def test_rows_in_another_order_of_the_file_give_a_promise_too_and_the_share_the_very_same() -> None:
    rows = traffic(800, seed=10)
    assert rows.gains is not None
    by_rate = np.argsort(rows.win_rates)
    other = Rows(win_rates=rows.win_rates[by_rate], gains=rows.gains[by_rate], form="pairs")
    assert promised_threshold(rows, promise("strong_share", 0.3)) == promised_threshold(
        other, promise("strong_share", 0.3)
    )
    found = [promised_threshold(each, promise("quality", 0.7)) for each in (rows, other)]
    assert found[0] == pytest.approx(found[1], abs=0.03)


def test_a_block_of_equal_win_rates_goes_one_way_and_never_breaks_the_bound() -> None:
    block = Rows(win_rates=np.repeat([0.2, 0.5, 0.8], [500, 300, 200]), gains=None, form="prompts")
    threshold = promised_threshold(block, promise("strong_share", 0.4))
    assert threshold is not None
    assert 0.5 < threshold <= 0.8
    assert share(block, threshold) == 0.2


def test_a_win_rate_on_a_candidate_itself_is_on_the_safe_side() -> None:
    win_rates = np.arange(1, 1_000) / 1_000
    rows = Rows(win_rates=win_rates, gains=(win_rates > 0.3).astype(np.float64), form="weak-only")
    threshold = promised_threshold(rows, promise("strong_share", 0.3))
    assert threshold is not None
    assert np.sum(win_rates >= threshold) == most_cases_before(999, 0.3, later=999, level=1 - 0.95)
    quality = promised_threshold(rows, promise("quality", 0.9))
    assert quality is not None
    assert np.sum(rows.win_rates[300:] < quality) == most_cases_before(699, 0.1, later=699, level=1 - 0.95)


def test_very_many_rows_are_tested_at_fewer_thresholds_and_come_close_to_the_oracle() -> None:
    table = traffic(60_000, seed=14)
    threshold = promised_threshold(table, promise("quality", 0.8))
    best = cheapest_kept(table, promise("quality", 0.8))
    assert threshold is not None
    assert best is not None
    assert round(threshold, 4) == threshold
    assert best - 0.01 < threshold < best


def test_a_handful_of_rows_promises_nothing_that_saves() -> None:
    rows = traffic(8, seed=11)
    threshold = promised_threshold(rows, promise("quality", 0.8))
    assert threshold is None or not saves(rows.win_rates, threshold)
    assert promised_threshold(rows, promise("strong_share", 0.05)) is None


@given(st.integers(1, 400), st.floats(0.01, 0.99), st.floats(0.001, 0.4))
def test_the_most_cases_are_those_whose_clopper_pearson_bound_is_within_the_share(
    rows: int, bound: float, level: float
) -> None:
    most = most_cases(rows, bound, level=level)
    upper = [beta.ppf(1 - level, cases + 1, rows - cases) for cases in (most, most + 1) if 0 <= cases < rows]
    limits = [cases for cases in (most, most + 1) if 0 <= cases < rows]
    for cases, limit in zip(limits, upper, strict=True):
        assert limit <= bound + 1e-9 if cases == most else limit > bound - 1e-9


@given(st.floats(0.01, 0.99), st.floats(0.001, 0.4))
def test_the_fewest_rows_suffice_and_one_less_does_not(bound: float, level: float) -> None:
    fewest = fewest_rows(bound, level=level)
    assert most_cases(fewest, bound, level=level) >= 0
    assert fewest == 1 or most_cases(fewest - 1, bound, level=level * (1 - 1e-9)) == -1


@pytest.mark.parametrize(
    ("bound", "later", "level"), [(0.05, None, 0.05), (0.3, None, 0.1), (0.3, 100, 0.05), (0.9, 50, 0.05)]
)
def test_the_fewest_rows_before_later_ones_suffice_and_one_less_does_not(
    bound: float, later: int | None, level: float
) -> None:
    fewest = fewest_rows_before(bound, later=later, level=level)
    most = [most_cases_before(rows, bound, later=later or rows, level=level) for rows in (fewest - 1, fewest)]
    assert most[0] < 0 <= most[1]


@pytest.mark.parametrize(("bound", "later", "least"), [(1e-12, None, 4e12), (1e-5, 10**9, 2.9e5)])
def test_how_many_rows_a_tiny_share_takes_is_found_without_trying_each(
    bound: float, later: int | None, least: float
) -> None:
    assert fewest_rows_before(bound, later=later, level=0.05) == pytest.approx(least, rel=0.05)


@pytest.mark.parametrize(("rows", "later", "bound"), [(6, 5, 0.3), (8, 4, 0.5), (5, 8, 0.2)])
def test_the_most_cases_before_later_rows_are_right_over_all_orders(rows: int, later: int, bound: float) -> None:
    orders = [np.isin(np.arange(rows + later), early) for early in combinations(range(rows + later), rows)]

    def chance_of_too_many(cases: int) -> float:
        """Over all orders, highest first: more than the share of the later rows above the early row after ``cases``."""
        above = [np.sum(~order[: np.flatnonzero(order)[cases]]) for order in orders]
        return float(np.mean(np.array(above) > bound * later))

    for level in (0.02, 0.1, 0.3):
        most = most_cases_before(rows, bound, later=later, level=level)
        assert most < 0 or chance_of_too_many(most) <= level
        assert most == rows - 1 or chance_of_too_many(most + 1) > level


def test_a_share_is_kept_on_as_many_later_rows_and_on_fewer_where_it_is_promised_of_so_many() -> None:
    as_many, few = traffic(1_000, seed=12), traffic(600, seed=12)
    of_all = promise("strong_share", 0.3)
    of_next = Promise(kind="strong_share", target=0.3, confidence=0.95, requests=100)
    assert simulate(as_many, of_all, n=500, splits=SPLITS, seed=13).broken_later <= most_broken(SPLITS, 0.95)
    whole, later = (simulate(few, each, n=500, splits=SPLITS, seed=13) for each in (of_all, of_next))
    assert later.broken_later <= most_broken(SPLITS, 0.95) < whole.broken_later
    assert later.share > 0.2


def test_what_is_kept_is_judged_on_the_rows_themselves() -> None:
    rows = Rows(win_rates=np.array([0.2, 0.4, 0.6, 0.8]), gains=np.array([0.0, 1.0, -1.0, 1.0]), form="pairs")
    assert kept(rows, promise("quality", 1.0), 0.8)
    assert not kept(rows, promise("quality", 0.5), 0.5)
    assert kept(rows, promise("strong_share", 0.5), 0.5)
    assert not kept(rows, promise("strong_share", 0.5), 0.3)
