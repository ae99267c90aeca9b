"""From evidence to a threshold: exact limits, and the probability that a score stands for."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.scoring.verifier.evidence import (
    ALWAYS,
    NEVER,
    Evidence,
    common_threshold,
    lower_limit,
    most_wrong,
    probability,
    threshold_for,
    upper_limit,
)

SCORES = st.floats(-50, 50)


@pytest.mark.parametrize(
    ("wrong", "traps", "limit"),
    # One-sided limits of Clopper and Pearson at 95 %: the 0.95 quantile of Beta(wrong + 1, traps - wrong).
    [
        (0, 10, 0.258866),
        (0, 300, 0.009936),
        (3, 1000, 0.007735),
        (24, 2378, 0.014164),
        (10, 10, 1.0),
        (5, 10, 0.777559),
    ],
)
def test_upper_limits_are_those_of_clopper_and_pearson(wrong: int, traps: int, limit: float) -> None:
    assert upper_limit(wrong, traps) == pytest.approx(limit, abs=1e-6)


def test_the_lower_limit_mirrors_the_upper_one() -> None:
    assert lower_limit(0, 10) == 0.0
    assert lower_limit(10, 10) == pytest.approx(0.05 ** (1 / 10))
    assert lower_limit(3, 10) == pytest.approx(1 - upper_limit(7, 10))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 400), st.floats(0.001, 0.3))
def test_the_most_wrong_answers_are_the_last_whose_limit_holds(traps: int, share: float) -> None:
    allowed = most_wrong(traps, share)
    assert allowed < 0 or upper_limit(allowed, traps) <= share + 1e-9
    assert allowed == traps or upper_limit(allowed + 1, traps) > share - 1e-9


@pytest.mark.parametrize(("share", "allowed"), [(0.0, -1), (1.0, 50)])
def test_shares_of_nothing_and_of_all_are_understood(share: float, allowed: int) -> None:
    assert most_wrong(50, share) == allowed


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_what_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match=r"0\.\.1"):
        most_wrong(50, share)


def test_the_threshold_lets_just_the_allowed_traps_pass() -> None:
    tail = [9.0 - place for place in range(9)]
    evidence = Evidence(traps=1000, tail=tail)
    threshold = threshold_for(evidence, 0.01)
    passing = sum(score >= threshold for score in tail)
    assert passing == most_wrong(1000, 0.01) == 4
    assert threshold == pytest.approx(tail[4])
    assert threshold > tail[4]


def test_too_few_traps_can_show_nothing_and_only_what_is_certain_is_served() -> None:
    threshold = threshold_for(Evidence(traps=100, tail=[1.0]), 0.01)
    assert threshold == math.inf
    assert probability(40.0, threshold) < 0.5
    assert probability(ALWAYS, threshold) == 1.0


def test_where_the_tail_ends_its_end_decides() -> None:
    assert threshold_for(Evidence(traps=1000, tail=[3.0, 2.0]), 0.5) == pytest.approx(2.0)


def test_a_larger_budget_never_raises_the_threshold() -> None:
    evidence = Evidence(traps=1000, tail=[1.0 / place for place in range(1, 100)])
    thresholds = [threshold_for(evidence, share / 1000) for share in range(0, 100, 3)]
    assert thresholds == sorted(thresholds, reverse=True)


def test_every_kind_of_trap_must_keep_the_budget() -> None:
    strict, lax = Evidence(traps=1000, tail=[5.0] * 9), Evidence(traps=1000, tail=[1.0] * 9)
    assert common_threshold({"questions": lax, "conversations": strict}, 0.01) == threshold_for(strict, 0.01)
    assert common_threshold({}, 0.01) == math.inf


@pytest.mark.parametrize("tail", [[], [1.0, 2.0], [math.nan], [math.inf], [3.0, 2.0, 1.0]])
def test_evidence_that_contradicts_itself_is_refused(tail: list[float]) -> None:
    with pytest.raises(ValueError, match="highest first"):
        Evidence(traps=2, tail=tail)


@given(SCORES, SCORES)
def test_half_and_above_is_served_and_nothing_else(score: float, threshold: float) -> None:
    assert (probability(score, threshold) >= 0.5) == (score >= threshold)
    assert 0.0 <= probability(score, threshold) <= 1.0


@given(st.lists(SCORES, min_size=2, max_size=9), st.one_of(SCORES, st.just(math.inf)))
def test_probability_rises_with_the_score(scores: list[float], threshold: float) -> None:
    found = [probability(score, threshold) for score in (NEVER, *sorted(scores), ALWAYS)]
    assert found == sorted(found)
    assert threshold < math.inf or max(found[:-1]) < 0.5
    assert (found[0], found[-1]) == (0.0, 1.0)
