"""A share of bad weak answers is promised from callers' ratings, and kept."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from msgspec.structs import replace
from scipy.stats import binom

from router.errors import DataError
from router.scoring.artifact import default_artifact_path
from router.scoring.curve import Promise
from router.scoring.scorer import Scorer
from training.cli import main
from training.promise import Ratings, Rows, candidates_of, read_ratings, threshold_for_weak_failures
from training.tuning import store

CANDIDATES = (0.8, 0.7, 0.6, 0.5, 0.4)
IN_USE = 0.75
AT_MOST = Promise(kind="weak_failures", target=0.1, confidence=0.9)


def bad_share(threshold: float) -> float:
    """Of weak answers below a threshold: a row's chance of being bad is its win rate to the fourth, halved."""
    return float(threshold**4 / 10)


def rated(n: int, rng: np.random.Generator) -> Ratings:
    """Ratings of requests spread evenly over the win rates below the threshold in use."""
    win_rates = rng.uniform(0, IN_USE, n)
    return Ratings(
        win_rates=win_rates,
        thresholds=np.full(n, IN_USE),
        bad=rng.uniform(size=n) < win_rates**4 / 2,
        routed=Rows(win_rates=win_rates, gains=None, form="ledger"),
    )


def promised(ratings: Ratings, candidates: Sequence[float], promise: Promise) -> float:
    """The threshold, 0 where nothing is shown."""
    try:
        return threshold_for_weak_failures(ratings, candidates, promise)
    except DataError:
        return 0.0


def test_the_share_of_bad_answers_is_broken_no_more_often_than_stated() -> None:
    rng = np.random.default_rng(0)
    tight = Promise(kind="weak_failures", target=bad_share(0.65), confidence=0.9)
    chosen = [promised(rated(400, rng), CANDIDATES, tight) for _ in range(500)]
    broken = sum(threshold > 0.65 for threshold in chosen)
    assert broken <= binom.ppf(0.999, 500, 0.1)
    assert sum(threshold > 0 for threshold in chosen) > 100


def test_the_highest_candidate_that_is_shown_is_taken_and_none_above_the_threshold_in_use() -> None:
    ratings = rated(3_000, np.random.default_rng(1))
    assert promised(ratings, CANDIDATES, AT_MOST) == 0.7
    assert not len(ratings.under(0.8))


def test_answers_count_only_where_they_would_be_weak_too() -> None:
    ratings = Ratings(
        win_rates=np.array([0.1, 0.3, 0.3]),
        thresholds=np.array([0.2, 0.9, 0.4]),
        bad=np.array([True, False, True]),
        routed=Rows(win_rates=np.array([0.1]), gains=None, form="ledger"),
    )
    assert ratings.under(0.2).tolist() == [True]
    assert ratings.under(0.4).tolist() == [False, True]
    assert ratings.under(0.5).tolist() == [False]


def test_too_few_ratings_are_told_how_many_it_takes() -> None:
    with pytest.raises(DataError, match=r"12 ratings, .* It takes at least \d+ good ones"):
        threshold_for_weak_failures(rated(12, np.random.default_rng(2)), CANDIDATES, AT_MOST)


def records(n: int, scorer: Scorer) -> list[dict[str, Any]]:
    """Rows as the export has them: every third answer rated, one of fifty bad, and some that are none of the weak's."""
    rng = np.random.default_rng(3)
    threshold = scorer.manifest.operating_points["balanced"].threshold
    made = []
    for number, rate in enumerate(rng.uniform(threshold - 0.05, threshold + 0.05, n).tolist()):
        made.append(
            {
                "request_id": f"r{number}",
                "route": "strong" if rate >= threshold else "weak",
                "reason": "win-rate",
                "win_rate": rate,
                "threshold": threshold,
                "artifact": scorer.version,
                "cache": "miss",
                "feedback": None if number % 3 else ("bad" if number % 150 == 0 else "good"),
            }
        )
    return made


def test_an_export_with_feedback_becomes_a_stored_promise(tmp_path: Path) -> None:
    scorer = Scorer.load()
    file = tmp_path / "ledger.jsonl"
    rows = records(1_500, scorer)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    words = ["tune-threshold", "--weak-failures", "0.1", "--on", str(file), "-q"]
    said = CliRunner().invoke(main, words)
    assert said.exit_code == 0, said.output
    assert "promise: at most 0.1 of the answers that the weak model gives are rated bad, at 0.95" in said.stdout
    assert "answers that nobody rated are taken to be bad as often" in said.stdout
    assert "it speaks of all traffic like ledger.jsonl taken together; any one stretch of it has luck" in said.stdout
    assert "stretches as long" not in said.stdout
    point = json.loads(CliRunner().invoke(main, [*words, "--json"]).stdout)
    assert f"it rests on {point['n']:,} rated answers below the threshold, among 1,500 rows of ledger" in said.stdout
    assert point["threshold"] == scorer.manifest.operating_points["balanced"].threshold
    assert point["promise"] == {"kind": "weak_failures", "target": 0.1, "confidence": 0.95}
    assert point["n"] == sum(row["route"] == "weak" and row["feedback"] is not None for row in rows)


def test_an_export_without_feedback_is_sent_to_where_feedback_goes(tmp_path: Path) -> None:
    scorer = Scorer.load()
    file = tmp_path / "ledger.jsonl"
    rows = [{**row, "feedback": None} for row in records(50, scorer)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with pytest.raises(DataError, match="POST /v1/feedback"):
        read_ratings(file, scorer, when_unfamiliar="strong")


def test_candidates_are_known_before_the_ratings() -> None:
    scorer = Scorer.load()
    found = candidates_of(scorer)
    assert found == sorted(found, reverse=True)
    assert {point.threshold for point in scorer.manifest.operating_points.values()} <= set(found)


def test_a_threshold_that_was_promised_later_is_no_candidate(tmp_path: Path) -> None:
    folder = tmp_path / "artifact"
    shutil.copytree(default_artifact_path(), folder)
    before = candidates_of(Scorer.load(folder))
    point = Scorer.load(folder).manifest.operating_points["balanced"]
    store(folder, "liked", replace(point, threshold=0.123456, promise=AT_MOST, date="2026-01-31", file="ledger.jsonl"))
    assert candidates_of(Scorer.load(folder)) == before
