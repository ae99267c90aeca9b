"""A promise from what callers thought: of the requests that the weak model answers, at most so many are rated bad.

The rows are those of the ledger's export that the weak model answered because of their win rate, and that somebody
rated. Each candidate threshold looks at the rows below it that were due the weak model anyway: those whose own
threshold was no lower. The number of bad ones among them is binomial, whatever the traffic. Candidates are few and
fixed before any row was seen, and the level is shared out among them (Bonferroni): unlike a strong share, the share of
bad answers need not rise with the threshold, and at the safe end of a sequence there would hardly be a row to test on.

What it takes for granted: answers that nobody rated are as often bad as those that were.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from router.errors import DataError
from router.scoring.curve import Promise
from router.scoring.manifest import Manifest
from router.scoring.scorer import Scorer
from router.types import WhenUnfamiliar
from training.promise.exact import fewest_rows, most_cases
from training.promise.rows import Rows, of_requests, routed_requests
from training.records import Drops
from training.tables import Row
from training.text import number, percent
from training.tradeoff import read_off_curve

FloatArray = NDArray[np.float64]

SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Candidates, beside the artifact's operating points: where its curve has these strong shares."""

RATINGS = ("good", "bad")
ROUTED_REASONS = ("win-rate", "unfamiliar")


class Ratings(Struct, frozen=True, kw_only=True, eq=False):
    """N answers of the weak model that were rated: win rates and thresholds float64 [N], ``bad`` bool [N].

    ``routed`` are all requests of the export that were routed, rated or not.
    """

    win_rates: FloatArray
    thresholds: FloatArray
    bad: NDArray[np.bool_]
    routed: Rows

    def __len__(self) -> int:
        return len(self.win_rates)

    def under(self, threshold: float) -> NDArray[np.bool_]:
        """Bad or not, of the answers that were, and under ``threshold`` would be, the weak model's."""
        return self.bad[(self.win_rates < threshold) & (threshold <= self.thresholds)]


def read_ratings(path: Path, scorer: Scorer, *, when_unfamiliar: WhenUnfamiliar) -> Ratings:
    """Read an export of the ledger; ``when_unfamiliar`` says where the server sends prompts unlike all training.

    Raises:
        DataError: it cannot be read, is of another artifact, or holds no rating of the weak model's answers.
    """
    drops = Drops()
    requests = list(routed_requests(path, drops, scorer.version))
    rated = [row for row in requests if row.values.get("route") == "weak" and row.values.get("feedback") in RATINGS]
    rated = [row for row in rated if row.values.get("reason") in ROUTED_REASONS]
    if not rated:
        raise DataError(f"{path}: no answer of the weak model is rated in it; send ratings to POST /v1/feedback")
    return Ratings(
        win_rates=of_requests(rated, drops, when_unfamiliar).win_rates,
        thresholds=_numbers(rated, "threshold"),
        bad=np.array([row.values["feedback"] == "bad" for row in rated]),
        routed=of_requests(requests, drops, when_unfamiliar),
    )


def candidates_of(scorer: Scorer) -> list[float]:
    """The thresholds that may be promised, highest first: what the artifact knew before these rows.

    Points that were promised later are left out: these very rows may have chosen them.
    """
    manifest: Manifest = scorer.manifest
    known = {point.threshold for point in read_off_curve(manifest.operating_points).values()}
    return sorted(known | {round(scorer.curve.threshold_for_strong_share(share), 6) for share in SHARES}, reverse=True)


def threshold_for_weak_failures(ratings: Ratings, candidates: Sequence[float], promise: Promise) -> float:
    """The highest candidate that keeps ``promise``, by these ratings.

    Raises:
        DataError: they show it of none; says how many it takes.
    """
    level = (1.0 - promise.confidence) / len(candidates)
    for threshold in candidates:
        bad = ratings.under(threshold)
        if len(bad) and bad.sum() <= most_cases(len(bad), promise.target, level=level):
            return threshold
    needed = fewest_rows(promise.target, level=level)
    raise DataError(
        f"{len(ratings):,} ratings, {ratings.bad.mean():.1%} of them bad, do not show of any of {len(candidates)} "
        f"thresholds that at most {percent(promise.target)} of the weak model's answers are bad, at "
        f"{percent(promise.confidence)} confidence. It takes at least {needed:,} good ones below a threshold, and "
        "more with every bad one."
    )


def _numbers(rows: Sequence[Row], column: str) -> FloatArray:
    found = []
    for row in rows:
        try:
            found.append(number(row.values[column]))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{row.place}: '{column}' is {row.values.get(column)!r}; a number is due") from error
    return np.array(found, np.float64)
