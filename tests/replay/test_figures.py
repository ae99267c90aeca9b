"""The figures behind the dial: what must hold of them for any requests, and that their intervals are what they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.replay import figures as module
from router.replay.amounts import Ratios
from router.replay.figures import Figures, figures_as_it_was, figures_at, reach_of
from router.replay.requests import FloatArray
from router.replay.thresholds import dial_thresholds
from tests.replay.support import goes_strong, requests_of, slowly

LENGTHS = Ratios(0.62, 1.0, 2.79)
SAME = Ratios(1.0, 1.0, 1.0)
WHEN = ("strong", "weak", "win-rate")

rate = st.one_of(st.floats(0.0, 0.999), st.sampled_from([0.0, 0.25, 0.5, 0.75]))
dollars = st.floats(0.0, 1.0)
rows = st.lists(
    st.tuples(rate, st.booleans(), dollars, dollars, dollars, dollars, st.booleans()), min_size=1, max_size=20
)
# What the strong model costs is no less: else a higher threshold may cost more.
ordered = rows.map(lambda many: [(p, u, w, 0.0, w + s, a, went) for p, u, w, _, s, a, went in many])


def thresholds_of(*some: float) -> FloatArray:
    return np.unique([0.0, 1.0, *some])


@settings(max_examples=150)
@given(rows, st.lists(rate, max_size=5), st.sampled_from(WHEN))
def test_they_are_what_plain_python_makes_of_one_request_after_another(many, some, when) -> None:
    thresholds = thresholds_of(*some)
    found = figures_at(requests_of(many), thresholds, when_unfamiliar=when, ratios=LENGTHS)
    assert found.cost is not None
    assert found.saved is not None
    for place, threshold in enumerate(thresholds):
        expected = slowly(many, float(threshold), when, LENGTHS)
        bands = (found.strong_share, found.quality, found.cost, found.saved)
        assert [band.value[place] for band in bands] == pytest.approx(expected, abs=1e-9)


@settings(max_examples=100)
@given(ordered, st.lists(rate, max_size=8), st.sampled_from(WHEN))
def test_at_0_all_goes_to_the_strong_model_at_1_none_and_between_nothing_rises_with_the_threshold(
    many, some, when
) -> None:
    requests = requests_of(many)
    found = figures_at(requests, thresholds_of(*some), when_unfamiliar=when, ratios=LENGTHS)
    assert found.cost is not None
    assert found.saved is not None
    assert (found.strong_share.value[0], found.quality.value[0]) == (1.0, pytest.approx(1.0))
    assert (found.strong_share.value[-1], found.quality.value[-1]) == (0.0, pytest.approx(0.0))
    assert found.cost.value[-1] == pytest.approx(requests.all_weak_usd(LENGTHS))
    assert found.saved.value[0] == pytest.approx(0.0, abs=1e-9)
    for band in (found.strong_share, found.quality, found.cost):
        for ends in band:
            assert (np.diff(ends) <= 1e-9).all()


@settings(max_examples=60)
@given(rows, st.lists(rate, max_size=5), st.sampled_from(WHEN))
def test_every_interval_holds_its_figure(many, some, when) -> None:
    found = figures_at(requests_of(many), thresholds_of(*some), when_unfamiliar=when, ratios=LENGTHS)
    for band in (found.strong_share, found.quality, found.cost, found.saved):
        assert band is not None
        assert (band.low <= band.value).all()
        assert (band.value <= band.high).all()


@given(rows, st.lists(rate, max_size=5), st.sampled_from(WHEN))
def test_a_request_reaches_the_thresholds_at_which_the_policy_sends_it_to_the_strong_model(many, some, when) -> None:
    thresholds = thresholds_of(*some)
    reach = reach_of(requests_of(many), thresholds, when)
    for (win_rate, unfamiliar, *_), so_many in zip(many, reach, strict=True):
        sent = [goes_strong(win_rate, unfamiliar, float(threshold), when) for threshold in thresholds]
        assert sent == [place < so_many for place in range(len(thresholds))]


def synthetic(random: np.random.Generator, n: int) -> list[tuple[float, bool, float, float, float, float, bool]]:
    """Requests of a population whose figures are known: uniform win rates, the dear ones dearer."""
    win_rates = random.uniform(0.0, 1.0, n)
    return [(p, False, 0.1, 0.0, 1.0 + p, 0.0, False) for p in win_rates.tolist()]


def test_nineteen_of_twenty_intervals_hold_the_truth_of_the_population() -> None:
    # Win rates are uniform in 0..1: at .6 a share of .4 goes to the strong model, with 1 - .36 of the wins.
    n, trials, threshold = 200, 300, np.array([0.6])
    truth = {"strong_share": 0.4, "quality": 0.64, "cost": n * (0.6 * 0.1 + 0.4 * 1.8), "saved": n * 0.6 * 1.2}
    random = np.random.default_rng(5)
    held = dict.fromkeys(truth, 0)
    for trial in range(trials):
        found = figures_at(
            requests_of(synthetic(random, n)), threshold, when_unfamiliar="win-rate", ratios=SAME, seed=trial
        )
        for name, value in truth.items():
            band = getattr(found, name)
            held[name] += bool(band.low[0] <= value <= band.high[0])
    # 95 % of 300, and four standard deviations to either side; percentiles of few requests fall a little short.
    assert all(0.89 <= count / trials <= 1.0 for count in held.values()), held


def test_quality_comes_as_expected_where_win_rates_are_calibrated_and_the_weak_model_never_wins() -> None:
    random = np.random.default_rng(7)
    win_rates = random.beta(6, 2, 100_000)
    won = random.random(len(win_rates)) < win_rates
    rows = [(p, False, 0.0, 0.0, 0.0, 0.0, False) for p in win_rates.tolist()]
    thresholds = np.array([0.5, 0.7, 0.8, 0.9])
    found = figures_at(requests_of(rows), thresholds, when_unfamiliar="win-rate", ratios=SAME)
    for threshold, expected in zip(thresholds, found.quality.value, strict=True):
        assert won[win_rates >= threshold].sum() / won.sum() == pytest.approx(expected, abs=0.01)


@given(rows.filter(lambda many: sum(row[0] for row in many) > 0.01), rate, st.floats(0.0, 1.0))
def test_it_is_no_more_than_there_is_where_the_weak_model_wins_the_more_seldom_the_likelier_the_strong_one(
    many, threshold, odds
) -> None:
    found = figures_at(
        requests_of(many), thresholds_of(threshold), when_unfamiliar="win-rate", ratios=SAME
    ).quality.value[np.searchsorted(thresholds_of(threshold), threshold)]
    win_rates = np.array([row[0] for row in many])
    gain = win_rates - odds * (1.0 - win_rates) * win_rates  # the weak one wins a part of the rest that falls with p
    assert gain[win_rates >= threshold].sum() / gain.sum() >= found - 1e-9 if gain.sum() > 1e-9 else True


def test_what_happened_is_priced_by_what_was_paid_and_shared_by_where_it_went() -> None:
    rows = [(0.8, False, 0.5, 0.25, 3.0, 0.0, True), (0.6, False, 0.1, 0.0, 2.0, 5.0, False)]
    found = figures_as_it_was(requests_of(rows), ratios=LENGTHS)
    assert found is not None
    assert found.cost is not None
    assert found.cost.value.tolist() == pytest.approx([3.1])
    assert found.strong_share.value.tolist() == [0.5]
    assert found.quality.value.tolist() == pytest.approx([0.8 / 1.4])


def test_amounts_hold_every_length_that_the_other_models_answer_may_have_had() -> None:
    answered_weak = [(0.5, False, 0.0, 0.0, 1.0, 1.0, False)] * 50
    all_strong = figures_at(requests_of(answered_weak), np.array([0.0]), when_unfamiliar="strong", ratios=LENGTHS)
    assert all_strong.cost is not None
    assert [float(end[0]) for end in all_strong.cost] == pytest.approx([50 * 2.0, 50 * 1.62, 50 * 3.79])
    answered_strong = [(0.5, False, 1.0, 1.0, 9.0, 0.0, True)] * 50
    all_weak = figures_at(requests_of(answered_strong), np.array([1.0]), when_unfamiliar="strong", ratios=LENGTHS)
    assert all_weak.cost is not None
    assert [float(end[0]) for end in all_weak.cost] == pytest.approx([100.0, 50 * (1 + 1 / 2.79), 50 * (1 + 1 / 0.62)])


def test_the_same_requests_have_the_same_intervals_each_time_in_one_step_or_in_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = synthetic(np.random.default_rng(1), 50)

    def figures() -> Figures:
        return figures_at(requests_of(rows), np.array([0.3, 0.6]), when_unfamiliar="strong", ratios=LENGTHS)

    once = figures()
    monkeypatch.setattr(module, "_AT_ONCE", 170)
    again = figures()
    assert once.cost is not None
    assert again.cost is not None
    assert np.allclose(once.cost, again.cost)
    assert np.allclose(once.quality, again.quality)


def test_without_a_price_nothing_is_said_of_money() -> None:
    from msgspec.structs import replace

    requests = replace(requests_of(synthetic(np.random.default_rng(1), 5)), is_priced=False)
    found = figures_at(requests, np.array([0.5]), when_unfamiliar="strong", ratios=LENGTHS)
    assert (found.cost, found.saved) == (None, None)
    assert found.quality.value[0] > 0


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=50), st.lists(st.floats(0.0, 1.0), max_size=3))
def test_a_dial_has_room_from_0_to_1_and_at_what_is_in_use(win_rates, besides) -> None:
    found = dial_thresholds(np.array(win_rates), besides)
    assert (found[0], found[-1]) == (0.0, 1.0)
    assert (np.diff(found) > 0).all()
    assert set(besides) <= set(found.tolist())
    assert 101 <= len(found) <= 210
