"""Upper limits on a share, for counts that need not be whole."""

from __future__ import annotations

import pytest
from scipy.stats import beta, binom

from router.cache.limits import holds, most_cases
from router.scoring.verifier.evidence import most_wrong


@pytest.mark.parametrize("share", [0.001, 0.01, 0.05, 0.3, 0.5])
@pytest.mark.parametrize("trials", [1, 40, 299, 1_000, 20_000])
def test_whole_counts_agree_with_the_binomial(trials: int, share: float) -> None:
    most = most_wrong(trials, share)
    assert holds(max(most, 0), trials, share) == (most >= 0)
    assert not holds(most + 1, trials, share)
    assert most == -1 or binom.cdf(most, trials, share) <= 0.05 < binom.cdf(most + 1, trials, share)


@pytest.mark.parametrize(("trials", "share"), [(20.0, 0.5), (123.5, 0.1), (1_000.0, 0.01), (12_345.6, 0.001)])
def test_the_most_cases_between_whole_counts_lie_on_the_beta_distribution(trials: float, share: float) -> None:
    cases = most_cases(trials, share)
    assert beta.ppf(0.95, cases + 1, trials - cases) == pytest.approx(share, rel=1e-6)


def test_too_few_trials_show_nothing_even_without_a_case() -> None:
    assert not holds(0, 298, 0.01)
    assert holds(0, 299, 0.01)
    assert not holds(0, 0, 0.5)
    assert most_cases(10, 0.01) < 1e-9
