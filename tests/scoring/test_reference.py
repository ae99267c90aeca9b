"""A shift is told where there is one, and not where chance alone speaks."""

from __future__ import annotations

import numpy as np
import pytest

from router.scoring.reference import Distribution, share_shift, shift, stability_index

DECILES = Distribution(edges=[round(0.1 * edge, 1) for edge in range(1, 10)], shares=[0.1] * 10)
REFERENCE_N = 20_000
ROUNDS = 300


def verdicts(n: int, power: float, rounds: int = ROUNDS) -> float:
    """Share of samples called shifted; values are uniform to some power, 1 for none."""
    random = np.random.default_rng(n)
    samples = (random.random(n) ** power for _ in range(rounds))
    found = [shift(DECILES.counts(values), DECILES.shares, expected_n=REFERENCE_N).verdict for values in samples]
    return found.count("shifted") / rounds


@pytest.mark.parametrize("n", [100, 300, 2000])
def test_traffic_like_the_reference_is_seldom_called_shifted(n: int) -> None:
    assert verdicts(n, 1.0) <= 0.03


@pytest.mark.parametrize(("n", "power"), [(300, 2.0), (2000, 1.6)])
def test_traffic_that_has_shifted_is_told(n: int, power: float) -> None:
    assert verdicts(n, power) >= 0.95


def test_a_shift_too_small_to_matter_is_no_drift_however_many_requests_show_it() -> None:
    assert verdicts(20_000, 1.1, rounds=20) == 0.0


def test_two_samples_of_one_kind_of_traffic_are_seldom_called_shifted() -> None:
    random = np.random.default_rng(5)
    found = []
    for _ in range(ROUNDS):
        now, before = (DECILES.counts(random.random(150)) for _ in range(2))
        found.append(shift(now, [count / 150 for count in before], expected_n=150).verdict)
    assert found.count("shifted") / ROUNDS <= 0.03


@pytest.mark.parametrize(("n", "expected_n"), [(99, 5000), (5000, 99), (0, 0)])
def test_too_few_on_either_side_say_nothing(n: int, expected_n: int) -> None:
    counts = [n, *[0] * 9]
    found = shift(counts, DECILES.shares, expected_n=expected_n)
    assert (found.verdict, found.psi, found.p) == ("not enough requests", None, None)
    assert found.n == min(n, expected_n)


def test_the_index_is_zero_for_equal_shares_and_finite_where_a_bin_is_empty() -> None:
    assert stability_index([10] * 10, DECILES.shares) == pytest.approx(0.0)
    assert 1 < stability_index([100, *[0] * 9], DECILES.shares) < 20


def test_the_chance_is_that_of_the_chi_squared_law() -> None:
    from scipy.stats import chisquare

    counts = [130, 90, 95, 105, 110, 80, 100, 100, 85, 105]
    exact = chisquare(counts).pvalue
    assert shift(counts, DECILES.shares, expected_n=10**9).p == pytest.approx(exact, abs=0.002)


def test_a_value_on_an_edge_belongs_to_the_bin_above() -> None:
    counts = Distribution(edges=[1.0, 2.0], shares=[0.3, 0.3, 0.4]).counts([0.5, 1.0, 1.5, 2.0, 9.0])
    assert counts == [1, 2, 2]


@pytest.mark.parametrize(
    ("edges", "shares", "said"),
    [
        ([1.0, 2.0], [0.5, 0.5], "2 edges make 3 bins, not 2"),
        ([2.0, 1.0], [0.2, 0.3, 0.5], "edges must be finite and rise"),
        ([1.0, 1.0], [0.2, 0.3, 0.5], "edges must be finite and rise"),
        ([1.0, float("nan")], [0.2, 0.3, 0.5], "edges must be finite and rise"),
        ([1.0], [1.5, -0.5], "shares must not be negative"),
        ([1.0], [0.5, 0.4], "add up to 1"),
        ([1.0], [float("nan"), 1.0], "shares must not be negative"),
    ],
)
def test_what_is_no_distribution_is_refused(edges: list[float], shares: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Distribution(edges=edges, shares=shares)


@pytest.mark.parametrize(
    ("hits", "n", "expected", "expected_n", "verdict"),
    [
        (30, 99, 0.0, None, "not enough requests"),
        (30, 300, 1.0, 99, "not enough requests"),
        (2, 200, 0.01, None, "stable"),
        (60, 200, 0.02, None, "shifted"),
        (60, 200, 0.02, 100, "shifted"),
        (520_000, 1_000_000, 0.5, None, "stable"),  # certain, and too little to matter
        (520_000, 1_000_000, 0.4, 1_000_000, "shifted"),
        (30, 100, 0.15, None, "shifted"),
        (30, 100, 0.15, 100, "stable"),  # two small samples of one kind may differ by as much
        (0, 200, 0.0, None, "stable"),
        (0, 200, 0.0, 200, "stable"),
    ],
)
def test_a_share_has_shifted_when_it_is_clearly_and_relevantly_off(
    hits: int, n: int, expected: float, expected_n: int | None, verdict: str
) -> None:
    assert share_shift(hits, n, expected, expected_n=expected_n, margin=0.05) == verdict


@pytest.mark.parametrize(("before_n", "n", "share"), [(100, 5000, 0.2), (300, 300, 0.2), (1000, 1000, 0.5)])
def test_two_samples_of_one_share_are_seldom_called_shifted(before_n: int, n: int, share: float) -> None:
    random = np.random.default_rng(before_n)
    before = random.binomial(before_n, share, 2_000) / before_n
    now = random.binomial(n, share, 2_000)
    found = [
        share_shift(int(hits), n, float(expected), expected_n=before_n, margin=0.0)
        for hits, expected in zip(now, before, strict=True)
    ]
    assert found.count("shifted") / len(found) <= 0.02
