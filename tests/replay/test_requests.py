"""Which past requests are decided again, and what they cost on either route."""

from __future__ import annotations

from decimal import Decimal
from math import isnan
from typing import Any, get_args

import pytest

from router.configured.prices import PriceEntry
from router.ledger.baseline import LENGTHS, lengths_of
from router.ledger.prices import ModelRef, Prices
from router.replay.amounts import Amounts, Pricing, ratios_of
from router.replay.left_out import WHY, why_left_out
from router.replay.requests import Collected
from router.types import DUE_REASONS, Reason
from tests.replay.support import MORNING, past

SMALL, BIG = ModelRef("house", "small"), ModelRef("house", "big")
PRICES = Prices(
    [
        PriceEntry(model="house/small", input=Decimal(1), output=Decimal(2)),
        PriceEntry(model="house/big", input=Decimal(10), output=Decimal(20), reasoning=Decimal(40)),
    ]
)
PRICING = Pricing(PRICES, weak=SMALL, strong=BIG)
NO_PRICES = Pricing(Prices(), weak=SMALL, strong=None)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, None),
        ({"reason": "unfamiliar", "unfamiliarity": 1.5}, None),
        ({"route": "strong"}, None),
        ({"cache": "bypass"}, None),
        ({"cache": "exact"}, "cache"),
        ({"cache": "semantic"}, "cache"),
        ({"outcome": "error"}, "error"),
        ({"outcome": "cancelled"}, "cancelled"),
        ({"outcome": "error", "reason": None, "route": None}, "error"),
        ({"reason": "embeddings", "route": None, "outcome": "error"}, "embeddings"),
        ({"reason": "pinned"}, "pinned"),
        ({"reason": "pinned", "route": "named"}, "pinned"),
        ({"reason": "sticky"}, "sticky"),
        ({"reason": "paced"}, "paced"),
        ({"artifact": "default/0"}, "other-artifact"),
        ({"artifact": None}, "other-artifact"),
        ({"win_rate": None}, "unscored"),
        ({"reason": None}, "unscored"),
    ],
)
def test_what_a_threshold_could_not_move_is_left_out_by_its_reason(changes: dict[str, Any], why: str | None) -> None:
    assert why_left_out(past(**changes), "default/1") == why
    assert why is None or why in WHY


def test_every_reason_is_either_decided_again_or_told_in_words() -> None:
    for reason in get_args(Reason):
        assert (reason in WHY) == (reason not in DUE_REASONS)


def test_what_came_costs_what_it_did_and_the_strong_models_price_is_the_ledgers() -> None:
    assert PRICING.of_answered(past(cost_usd=0.5)) == (0.5, 0.0, pytest.approx(0.001), 0.002)


def test_the_weak_models_price_is_that_of_now_for_the_tokens_of_then() -> None:
    found = PRICING.of_answered(past(route="strong", cost_usd=0.7, uncertain_usd=0.0))
    assert found == (pytest.approx(100e-6), pytest.approx(100e-6), 0.7, 0.0)


def test_where_the_ledger_has_no_baseline_the_strong_model_of_now_is_priced() -> None:
    found = PRICING.of_answered(past(baseline_cost_usd=None, uncertain_usd=None, reasoning_tokens=10))
    assert found[2:] == (pytest.approx(100 * 10e-6), pytest.approx(40 * 20e-6 + 10 * 40e-6))


def test_a_request_that_nobody_answered_is_priced_by_an_answer_of_the_weak_models_length() -> None:
    assert PRICING.of_new(100, 50) == tuple(pytest.approx(usd) for usd in (200e-6, 0.0, 1e-3, 1e-3))


def test_an_unknown_price_is_not_zero() -> None:
    assert all(map(isnan, NO_PRICES.of_answered(past(cost_usd=None, baseline_cost_usd=None))[::2]))
    assert isnan(NO_PRICES.of_new(1, 1).strong)


@pytest.mark.parametrize(("own", "taken"), [((), 1.0), ((1.2, 1.6), 1.2), ((0.5, 0.8), 0.8), ((0.9,), 0.9)])
def test_the_length_that_is_taken_lies_among_those_that_may_be(own: tuple[float, ...], taken: float) -> None:
    ratios = ratios_of(lengths_of(own))
    assert ratios.taken == taken
    assert ratios.low <= ratios.taken <= ratios.high
    assert own or (ratios.low, ratios.high) == tuple(map(float, LENGTHS))


def collected(*rows: Any) -> Collected:
    found = Collected()
    for row in rows:
        found.take(row, "default/1", PRICING)
    return found


def test_of_each_request_its_numbers_are_kept_and_of_all_the_span() -> None:
    late = MORNING.replace(hour=20)
    found = collected(past(), past(route="strong", at=late, reason="unfamiliar", unfamiliarity=1.2)).requests()
    assert len(found) == 2
    assert found.unfamiliar.tolist() == [False, True]
    assert found.went_strong is not None
    assert found.went_strong.tolist() == [False, True]
    assert (found.since, found.until) == (MORNING, late)
    assert found.is_priced


def test_what_is_left_out_is_counted_with_what_it_cost() -> None:
    found = collected(past(), past(reason="pinned", cost_usd=0.25), past(reason="pinned", cost_usd=None)).requests()
    assert (len(found), found.left_out, found.left_out_usd) == (1, {"pinned": 2}, 0.25)


def test_where_some_have_no_price_these_are_left_out_and_where_none_has_one_all_stay() -> None:
    some = collected(past(), past(cost_usd=None)).requests()
    assert (len(some), some.left_out, some.is_priced) == (1, {"no-price": 1}, True)
    none = collected(past(cost_usd=None), past(cost_usd=None)).requests()
    assert (len(none), none.left_out, none.is_priced) == (2, {}, False)


def test_what_is_left_out_for_want_of_a_price_did_cost_what_was_paid() -> None:
    found = collected(past(), past(reason="pinned", cost_usd=0.25))
    for route in ("weak", "strong"):
        found.take(past(route=route, cost_usd=0.5, baseline_cost_usd=None), "default/1", NO_PRICES)
    found.add(0.7, None, NO_PRICES.of_new(1, 1))
    requests = found.requests()
    assert requests.left_out == {"pinned": 1, "no-price": 3}
    assert requests.left_out_usd == 1.25


def test_where_one_was_never_answered_nothing_is_said_of_what_happened() -> None:
    found = collected(past())
    found.add(0.7, None, Amounts(0.0, 0.0, 1.0, 1.0))
    assert found.requests().went_strong is None


def test_nothing_is_there_of_nothing() -> None:
    found = Collected().requests()
    assert (len(found), found.left_out, found.is_priced, found.since) == (0, {}, False, None)
