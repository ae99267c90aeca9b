"""The threshold that follows from evidence, and how reports of wrong answers move it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from router.cache.account import OLDEST_S, Trial
from router.cache.budget import Budget
from router.scoring.verifier.evidence import Evidence, upper_limit

TOP = 9.0
"""A score above those of all traps."""


def evidence(traps: int = 3_000) -> dict[str, Evidence]:
    scores = np.sort(np.random.default_rng(0).normal(size=traps))[::-1]
    return {"questions": Evidence(traps=traps, tail=scores[: traps // 4].tolist())}


def budget(max_wrong: float = 0.01, **kinds: Evidence) -> Budget:
    return Budget(max_wrong, kinds or evidence(), verifier="v/1")


def report(budget: Budget, name: str, score: float, *, tenant: str = "acme", at: float = 0.0) -> None:
    budget.rated(tenant, Trial(name, score, at, "bad"), now=at)


def serve(budget: Budget, answers: int, score: float, *, tenant: str = "acme") -> None:
    for number in range(answers):
        budget.served(tenant, Trial(f"s{number}", score, 0.0))


def test_the_threshold_follows_from_the_evidence() -> None:
    strict, loose = budget(0.01), budget(0.05)
    assert strict.threshold("acme") > loose.threshold("acme")
    for each in (strict, loose):
        standing = each.standing("acme")
        assert standing.wrong_limit <= each.max_wrong
        passing = sum(score >= each.threshold("acme") for score in evidence()["questions"].tail)
        assert standing.wrong_limit == pytest.approx(upper_limit(passing, 3_000))
        assert upper_limit(passing + 1, 3_000) > each.max_wrong


def test_evidence_too_thin_for_the_budget_leaves_only_what_is_certain() -> None:
    thin = budget(0.01, questions=Evidence(traps=298, tail=[1.0]))
    standing = thin.standing("acme")
    assert thin.threshold("acme") == math.inf
    assert (standing.threshold, standing.wrong_limit, standing.traps) == (None, 0.0, 298)
    assert budget(0.01, questions=Evidence(traps=299, tail=[1.0])).threshold("acme") == math.nextafter(1.0, math.inf)


def test_no_budget_leaves_only_what_is_certain() -> None:
    assert budget(0.0).threshold("acme") == math.inf


def test_the_worst_kind_of_traps_decides() -> None:
    easy, hard = Evidence(traps=400, tail=[0.0]), Evidence(traps=400, tail=[3.0])
    assert budget(questions=easy, conversations=hard).threshold("acme") == budget(questions=hard).threshold("acme")


def test_the_limit_is_told_with_the_traps_of_the_kind_that_sets_it() -> None:
    few, many = Evidence(traps=400, tail=[3.0]), Evidence(traps=500, tail=[0.0])
    both = budget(questions=many, conversations=few).standing("acme")
    assert (both.traps, both.wrong_limit) == (400, budget(questions=few).standing("acme").wrong_limit)


def test_without_evidence_there_are_no_traps_to_tell_of() -> None:
    standing = Budget(0.01, {}, verifier="v").standing("acme")
    assert (standing.threshold, standing.traps) == (None, 0)


def test_one_report_tightens_a_little_and_is_forgiven_by_answers_that_were_right() -> None:
    account = budget()
    shipped = account.threshold("acme")
    report(account, "r", TOP)
    once = account.threshold("acme")
    assert shipped < once < shipped + 0.2
    assert account.standing("acme").tightened
    serve(account, 700, TOP)
    assert account.threshold("acme") == shipped
    assert not account.standing("acme").tightened


def test_a_report_below_the_threshold_moves_nothing() -> None:
    account = budget()
    shipped = account.threshold("acme")
    report(account, "r", shipped - 0.1)
    assert account.threshold("acme") == shipped
    assert account.standing("acme").reports == 1


def test_two_false_reports_leave_most_rewordings_served() -> None:
    account = budget()
    for name in ("a", "b"):
        report(account, name, TOP)
    assert account.threshold("acme") < 3.0


def test_enough_reports_of_the_surest_verdicts_stop_what_is_not_certain() -> None:
    account = budget()
    for number in range(6):
        report(account, str(number), TOP)
    assert account.threshold("acme") > TOP


def test_reports_just_above_the_threshold_are_left_below_the_new_one() -> None:
    account = budget()
    shipped = account.threshold("acme")
    for number in range(20):
        report(account, str(number), shipped + 0.05)
    assert shipped + 0.05 < account.threshold("acme") < shipped + 1


def test_the_same_report_again_counts_once() -> None:
    once, often = budget(), budget()
    report(once, "r", TOP)
    for _ in range(20):
        report(often, "r", TOP)
    assert often.threshold("acme") == once.threshold("acme")


def test_a_rating_that_is_taken_back_takes_the_report_back() -> None:
    account = budget()
    shipped = account.threshold("acme")
    report(account, "r", TOP)
    account.rated("acme", Trial("r", TOP, 0.0, "good"), now=0.0)
    assert account.threshold("acme") == shipped


def test_good_ratings_never_loosen_what_the_operator_set() -> None:
    account = budget()
    shipped = account.threshold("acme")
    for number in range(2_000):
        account.rated("acme", Trial(str(number), TOP, 0.0, "good"), now=0.0)
    assert account.threshold("acme") == shipped


def test_one_tenant_cannot_shut_the_cache_of_another() -> None:
    account = budget()
    shipped = account.threshold("other")
    for number in range(500):
        report(account, str(number), TOP, tenant="malicious")
    assert account.threshold("malicious") > TOP
    assert account.threshold("other") == shipped
    assert account.standing("other").reports == 0


def test_reports_are_forgotten_in_the_end() -> None:
    account = budget()
    shipped = account.threshold("acme")
    for number in range(9):
        report(account, str(number), TOP)
    account.rated("acme", Trial("later", TOP, OLDEST_S + 1, "good"), now=OLDEST_S + 1)
    assert account.threshold("acme") == shipped


def test_what_was_certain_does_not_count() -> None:
    account = budget()
    for number in range(50):
        report(account, str(number), math.inf)
    assert account.standing("acme").reports == 0
    assert not account.standing("acme").tightened


def test_a_new_server_takes_up_the_accounts_of_the_old_one() -> None:
    old, new = budget(), budget()
    trials = [Trial(str(number), TOP, float(number), "bad" if number % 40 == 0 else None) for number in range(200)]
    for trial in trials:
        old.served("acme", trial)
    old.rated("acme", trials[0], now=200.0)
    new.restore([("acme", trial) for trial in trials], now=200.0)
    assert new.standing("acme") == old.standing("acme")
    assert new.standing("acme").tightened


class Traffic:
    """Rewordings of which some get wrong answers, and callers of whom some say so.

    Right answers' scores lie above the evidence's threshold by an exponential of mean 1, wrong ones' by one of mean
    ``excess``.
    """

    def __init__(self, wrong: float, *, excess: float, speak_up: float, seed: int, requests: int = 10_000) -> None:
        self.budget = budget()
        dice = np.random.default_rng(seed)
        self.wrong = dice.random(requests) < wrong
        above = dice.exponential(np.where(self.wrong, excess, 1.0))
        self.scores = (self.budget.threshold("acme") + above).tolist()
        self.said = self.wrong & (dice.random(requests) < speak_up)

    def served(self) -> Iterator[int]:
        """The numbers of the requests that were answered."""
        for number, score in enumerate(self.scores):
            if score < self.budget.threshold("acme"):
                continue
            self.budget.served("acme", Trial(str(number), score, number))
            if self.said[number]:
                report(self.budget, str(number), score, at=float(number))
            yield number


def shares(traffic: Traffic) -> tuple[float, float]:
    """Of the later half of the requests the share answered, and of those answered the share that was wrong."""
    half = len(traffic.scores) // 2
    late = [number for number in traffic.served() if number >= half]
    return len(late) / half, float(traffic.wrong[late].mean()) if late else 0.0


def test_three_percent_wrong_of_which_a_third_is_reported_end_below_a_budget_of_one() -> None:
    found = [shares(Traffic(0.03, excess=0.3, speak_up=0.3, seed=seed)) for seed in range(4)]
    assert np.mean([wrong for _, wrong in found]) <= 0.01
    assert all(wrong <= 0.015 for _, wrong in found)
    assert all(answered > 0.3 for answered, _ in found)


def test_where_verdicts_tell_nothing_rewordings_are_stopped() -> None:
    found = [shares(Traffic(0.03, excess=1.0, speak_up=0.3, seed=seed)) for seed in range(2)]
    assert all(answered < 0.2 for answered, _ in found)


def test_a_sound_verifier_goes_on_serving_although_some_wrong_answers_are_reported() -> None:
    found = [shares(Traffic(0.002, excess=0.5, speak_up=0.3, seed=seed)) for seed in range(4)]
    assert all(answered > 0.9 for answered, _ in found)
