"""Thresholds with a finite-sample guarantee: rows of traffic in, the cheapest threshold that keeps a promise out."""

from training.promise.ratings import Ratings, candidates_of, read_ratings, threshold_for_weak_failures
from training.promise.rows import Rows, of_labels, read_promise_rows
from training.promise.shortfall import shortfall
from training.promise.threshold import promised_threshold, saves

__all__ = [
    "Ratings",
    "Rows",
    "candidates_of",
    "of_labels",
    "promised_threshold",
    "read_promise_rows",
    "read_ratings",
    "saves",
    "shortfall",
    "threshold_for_weak_failures",
]
