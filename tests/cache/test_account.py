"""What an account remembers of answered rewordings, and for how long."""

from __future__ import annotations

import pytest

from router.cache import account
from router.cache.account import OLDEST_S, Account, Trial


def test_only_scores_at_or_above_a_threshold_count() -> None:
    kept = Account([Trial("a", 1.0, 0.0, "bad"), Trial("b", 2.0, 0.0, "bad"), Trial("c", 3.0, 0.0)])
    assert [kept.reports(score) for score in (0.0, 1.0, 1.5, 2.0, 2.5)] == [2, 2, 1, 1, 0]
    assert kept.reported_scores() == [1.0, 2.0]


def test_a_hit_that_nobody_rated_is_a_fifth_of_a_trial() -> None:
    kept = Account(Trial(str(number), 1.0, 0.0) for number in range(100))
    assert kept.trials() == pytest.approx(20)
    assert kept.trials(1.1) == 0


def test_ratings_count_in_full_once_they_are_more_than_the_assumed_share() -> None:
    rated = [Trial(f"r{number}", 1.0, 0.0, "good") for number in range(30)]
    kept = Account([*rated, *(Trial(str(number), 1.0, 0.0) for number in range(70))])
    assert kept.trials() == 30


def test_a_request_counts_once_with_its_last_rating() -> None:
    kept = Account([Trial("a", 1.0, 0.0)])
    for rating in ("bad", "bad", "good", "bad"):
        kept.add(Trial("a", 1.0, 0.0, rating))
    assert (len(kept), kept.reports()) == (1, 1)
    kept.add(Trial("a", 1.0, 0.0, "good"))
    assert kept.reports() == 0


def test_the_oldest_trials_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "MOST_TRIALS", 3)
    kept = Account(Trial(str(number), float(number), 0.0, "bad") for number in range(5))
    assert kept.reported_scores() == [2.0, 3.0, 4.0]


def test_a_report_is_forgotten_after_its_time() -> None:
    kept = Account([Trial("old", 1.0, 0.0, "bad"), Trial("new", 2.0, 100.0, "bad")])
    kept.expire(OLDEST_S + 50.0)
    assert kept.reported_scores() == [2.0]


def test_a_late_rating_does_not_hide_older_trials_from_their_end() -> None:
    kept = Account([Trial("old", 1.0, 0.0), Trial("new", 2.0, 100.0)])
    kept.add(Trial("old", 1.0, 0.0, "bad"))
    kept.expire(OLDEST_S + 50.0)
    assert len(kept) == 1
