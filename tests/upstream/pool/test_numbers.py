"""The arithmetic of a pool: budget, waits, load, choice. Time is a number and chance is seeded."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from router.upstream.openai_compatible import OpenAICompatibleUpstream
from router.upstream.pool import waiting
from router.upstream.pool.breaker import Breaker
from router.upstream.pool.budget import BURST, RetryBudget
from router.upstream.pool.choosing import choose
from router.upstream.pool.load import PeakEwma
from router.upstream.pool.member import Attempt, Member


def member(label: str, weight: float = 1.0) -> Member:
    chance = random.Random(1)
    upstream = OpenAICompatibleUpstream(name=label, base_url="http://127.0.0.1:9/v1", model="m")
    breaker = Breaker(failures=5, failure_rate=0.5, open_s=5, chance=chance)
    return Member(upstream, label=label, weight=weight, breaker=breaker)


def test_an_outage_costs_at_most_the_budgets_share_more() -> None:
    budget, retried = RetryBudget(0.2), 0
    for _ in range(10_000):
        budget.earn()
        retried += budget.spend(0.0)
    assert 0.19 < (retried - BURST) / 10_000 < 0.21


def test_a_budget_of_nothing_allows_nothing_and_an_idle_one_a_little() -> None:
    assert not RetryBudget(0.0).spend(0.0)
    budget = RetryBudget(0.1)
    while budget.spend(0.0):
        pass
    assert not budget.spend(0.5)
    assert budget.spend(2.0)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0", 0.0), ("1.5", 1.5), ("-3", 0.0), ("soon", None), ("nan", None), ("1e999", None), (None, None)],
)
def test_retry_after_is_read_in_seconds(header: str | None, seconds: float | None) -> None:
    assert waiting.asked_wait_s(header) == seconds


def test_retry_after_is_read_as_a_date() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    seconds = waiting.asked_wait_s(date)
    assert seconds is not None
    assert 80 < seconds <= 90
    assert waiting.asked_wait_s("Thu, 01 Jan 1970 00:00:00 GMT") == 0.0


def test_a_backoff_is_anything_up_to_a_limit_that_doubles() -> None:
    chance = random.Random(1)
    for attempt, limit in ((2, 0.25), (3, 0.5), (4, 1.0), (9, waiting.LONGEST_BACKOFF_S)):
        waits = [waiting.backoff_s(attempt, chance) for _ in range(500)]
        assert 0 <= min(waits) < 0.1 * limit
        assert 0.9 * limit < max(waits) <= limit


def test_bad_news_of_latency_are_believed_at_once_and_good_ones_slowly() -> None:
    latency = PeakEwma()
    latency.observe(0.1, 0.0)
    latency.observe(2.0, 0.1)
    assert latency.value == 2.0
    latency.observe(0.1, 0.2)
    assert latency.value > 1.9
    latency.observe(0.1, 60.0)
    assert latency.value < 0.2


def shares(members: list[Member], *, in_flight: bool = False) -> Counter[str]:
    chance, drawn = random.Random(7), Counter[str]()
    for _ in range(8_000):
        chosen = choose(members, "stream", chance)
        drawn[chosen.label] += 1
        chosen.in_flight += in_flight
    return drawn


def test_idle_members_are_chosen_by_their_weights() -> None:
    drawn = shares([member("heavy", 3.0), member("light", 1.0)])
    assert 0.73 < drawn["heavy"] / 8_000 < 0.77


def test_under_load_requests_under_way_follow_the_weights() -> None:
    drawn = shares([member("heavy", 3.0), member("light", 1.0)], in_flight=True)
    assert 0.73 < drawn["heavy"] / 8_000 < 0.77


def test_a_slow_or_failing_member_is_chosen_less_and_never_forgotten() -> None:
    slow, fast, failing = member("slow"), member("fast"), member("failing")
    for each, latency in ((slow, 2.0), (fast, 0.1), (failing, 0.1)):
        each.latency["stream"].observe(latency, 0.0)
    for _ in range(20):
        failing.health.observe(ok=False)
    drawn = shares([slow, fast, failing])
    assert drawn["fast"] > 0.5 * 8_000
    assert min(drawn["slow"], drawn["failing"]) > 0.05 * 8_000


def test_an_attempt_that_was_given_up_counts_as_slow_and_frees_its_slot() -> None:
    asked = member("a")
    asked.latency["stream"].observe(0.1, 0.0)
    attempt = Attempt(asked, "stream", 10.0)
    assert asked.in_flight == asked.slots.held == 1
    attempt.abandoned(13.0)
    attempt.abandoned(14.0)
    assert asked.in_flight == asked.slots.held == 0
    assert asked.latency["stream"].value == 3.0
