"""Who has the last word on a rewording: rules, or a verifier within a budget."""

from __future__ import annotations

import logging
import math

import pytest

from router.cache.account import Trial
from router.cache.judge import Answered, Judge, Verdict
from router.cache.verify import Glimpse, WordingVerifier
from router.scoring.verifier.conversation import Turns
from router.scoring.verifier.evidence import ALWAYS, NEVER, Evidence

ASKED, SAME = Turns("What is the capital of France?"), Turns("what is the capital of france")
OTHER = Turns("What is the capital of Finland?")
TRAPS = {"questions": Evidence(traps=2_000, tail=[4.0 - number / 100 for number in range(200)])}


class Scores(WordingVerifier):
    """Gives every pair that differs one score."""

    def __init__(self, score: float) -> None:
        self._score = score

    def score(self, cached: Turns, new: Turns, *, at_least: float = NEVER, seen: Glimpse | None = None) -> float:
        return self._score


def judge(score: float = 5.0, max_wrong: float = 0.01, **others: list[Answered]) -> Judge:
    made = Judge(max_wrong, **others)
    made.adopt(Scores(score), TRAPS, name="v/1")
    return made


def reported(number: int, *, tenant: str = "acme", verifier: str = "v/1", score: float = 9.0) -> Answered:
    return Answered(
        tenant=tenant,
        entry=b"entry",
        asked=str(number).encode(),
        verifier=verifier,
        trial=Trial(str(number), score, 1e12, "bad"),
    )


def test_without_a_verifier_the_same_words_are_served_and_nothing_else() -> None:
    alone = Judge(0.01)
    assert alone.verdict("acme", ASKED, SAME) == Verdict(ALWAYS, "rules")
    assert alone.verdict("acme", ASKED, OTHER) is None
    assert (alone.standing("acme").verifier, alone.standing("acme").threshold) == ("rules", None)


def test_a_verdict_counts_from_the_threshold_on() -> None:
    threshold = judge().shipped
    assert judge(threshold).verdict("acme", ASKED, OTHER) == Verdict(threshold, "v/1")
    assert judge(math.nextafter(threshold, 0)).verdict("acme", ASKED, OTHER) is None


def test_what_a_verifier_is_certain_of_is_no_trial_of_its_threshold() -> None:
    assert judge(ALWAYS).verdict("acme", ASKED, SAME) == Verdict(ALWAYS, "rules")


def test_without_a_budget_no_verifier_is_heeded() -> None:
    off = judge(max_wrong=0.0)
    assert off.verdict("acme", ASKED, OTHER) is None
    assert off.verdict("acme", ASKED, SAME) == Verdict(ALWAYS, "rules")


def test_reports_raise_the_bar_for_their_tenant_alone_up_to_what_is_certain() -> None:
    strict = judge(past=[reported(number) for number in range(9)])
    assert strict.verdict("acme", ASKED, OTHER) is None
    assert strict.verdict("acme", ASKED, SAME) == Verdict(ALWAYS, "rules")
    assert strict.verdict("other", ASKED, OTHER) == Verdict(5.0, "v/1")
    assert (strict.strictest > 9.0, strict.reports) == (True, 9)


def test_reports_do_not_let_pass_what_the_verifier_would_have_refused() -> None:
    strict = judge(0.0, past=[reported(number) for number in range(9)])
    assert strict.verdict("acme", ASKED, SAME) is None


def test_scores_of_another_verifier_do_not_count() -> None:
    fresh = judge(past=[reported(number, verifier="v/0") for number in range(9)])
    fresh.rated("acme", "v/0", Trial("r", 9.0, 0.0, "bad"), now=0.0)
    fresh.served("acme", "v/0", Trial("s", 9.0, 0.0))
    standing = fresh.standing("acme")
    assert (standing.answers, standing.reports, standing.tightened) == (0, 0, False)


def test_pairs_that_were_reported_stay_apart_whatever_verifier_joined_them() -> None:
    fresh = judge(past=[reported(1, verifier="v/0"), reported(2, verifier="rules", score=ALWAYS)])
    assert fresh.is_banned(b"entry", b"1")
    assert fresh.is_banned(b"entry", b"2")
    assert not fresh.is_banned(b"entry", b"3")
    assert not fresh.is_banned(b"1", b"entry")


def test_the_log_says_what_the_threshold_rests_on(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "underdog.cache")
    judge()
    (said,) = caplog.messages
    assert "error budget 0.01: verifier v/1 serves rewordings from score 3." in said
    assert "from 2,000 traps" in said


def test_evidence_too_thin_for_the_budget_is_said_with_the_remedy(caplog: pytest.LogCaptureFixture) -> None:
    thin = judge(max_wrong=0.001)
    assert thin.verdict("acme", ASKED, OTHER) is None
    assert thin.verdict("acme", ASKED, SAME) == Verdict(ALWAYS, "rules")
    (said,) = caplog.messages
    assert "(2,000 traps) cannot show that at most 0.001" in said
    assert "Raise cache_max_wrong" in said


def test_another_error_budget_counts_at_once_and_what_was_reported_stays() -> None:
    made = judge(9.0)
    for number in range(5):
        made.rated("acme", "v/1", reported(number).trial, now=1e12)
    bold, reports = made.shipped, made.standing("acme").reports
    assert made.allow(0.001)
    assert made.shipped > bold
    assert made.standing("acme").max_wrong == 0.001
    assert made.standing("acme").reports == reports == 5
    assert made.allow(0)
    assert made.verdict("other", ASKED, OTHER) is None
    assert made.allow(0.01)
    assert made.shipped == bold
    assert made.verdict("other", ASKED, OTHER) is not None


def test_without_a_verifier_no_budget_can_be_opened_while_it_runs() -> None:
    assert Judge(0).allow(0.01) is False
    assert Judge(0.01).allow(0.02) is True
