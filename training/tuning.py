"""Choosing a threshold: an estimate from the curve in the artifact, or a promise from rows of one's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from msgspec.structs import replace

from router.errors import DataError
from router.scoring.curve import OperatingPoint, Promise, PromiseKind
from router.scoring.manifest import read_manifest, write_manifest
from router.scoring.scorer import Scorer
from training.promise import (
    Ratings,
    Rows,
    candidates_of,
    promised_threshold,
    saves,
    shortfall,
    threshold_for_weak_failures,
)
from training.report import has_report, write_report
from training.tradeoff import DECIMALS, OPERATING_SHARE, measured_on


def estimated(scorer: Scorer, kind: PromiseKind, target: float) -> OperatingPoint:
    """The threshold that the artifact's own curve gives for a quality or a strong share, and on how many prompts."""
    curve = scorer.curve
    found = curve.threshold_for_quality(target) if kind == "quality" else curve.threshold_for_strong_share(target)
    threshold = round(found, DECIMALS)
    return OperatingPoint(
        threshold=threshold,
        strong_share=round(curve.strong_share_at(threshold), 4),
        quality=round(curve.quality_at(threshold), 4),
        n=measured_on(scorer.manifest),
        quality_from="curve",
    )


def promised(scorer: Scorer, rows: Rows, promise: Promise, *, file: str, date: str) -> OperatingPoint:
    """The cheapest threshold that keeps ``promise``, and what it gives on these very rows.

    Args:
        scorer: what scored the rows.
        rows: of the traffic that the promise is to hold for.
        promise: what is to be kept.
        file: name of the file that the rows came from.
        date: the UTC day, as ``2026-01-31``.

    Raises:
        DataError: the rows do not show it of any useful threshold; says what they do show.
    """
    _check(promise)
    threshold = promised_threshold(rows, promise)
    if threshold is None or not _useful(rows, promise, threshold):
        raise DataError(f"{file}: {shortfall(rows, promise)}")
    quality = _quality(rows, threshold)
    return OperatingPoint(
        threshold=threshold,
        strong_share=round(float(np.mean(rows.win_rates >= threshold)), 4),
        quality=round(scorer.curve.quality_at(threshold) if quality is None else quality, 4),
        n=len(rows),
        quality_from="curve" if quality is None else "labels",
        promise=promise,
        date=date,
        file=file,
    )


def promised_by_ratings(scorer: Scorer, ratings: Ratings, promise: Promise, *, file: str, date: str) -> OperatingPoint:
    """The highest threshold whose weak answers are rated bad no more often than ``promise`` says; see ``promised``.

    Raises:
        DataError: the ratings show it of no threshold.
    """
    _check(promise)
    threshold = threshold_for_weak_failures(ratings, candidates_of(scorer), promise)
    return OperatingPoint(
        threshold=threshold,
        strong_share=round(float(np.mean(ratings.routed.win_rates >= threshold)), 4),
        quality=round(scorer.curve.quality_at(threshold), 4),
        n=len(ratings.under(threshold)),
        quality_from="curve",
        promise=promise,
        date=date,
        file=file,
    )


def check_storable(name: str) -> None:
    """Refuse a name that every artifact gives to a point of its own curve.

    Raises:
        DataError: it is one of these; says so.
    """
    if name in OPERATING_SHARE:
        raise DataError(
            f"--store {name}: is a point of the artifact's own curve, which its documents describe; choose another "
            f"name than {', '.join(OPERATING_SHARE)}"
        )


def store(folder: Path, name: str, point: OperatingPoint) -> None:
    """Put an operating point into the manifest of an artifact, in place of one of that name, and into its documents.

    Raises:
        DataError: the name is taken by the curve (``check_storable``), or the documents cannot be written.
    """
    check_storable(name)
    manifest = read_manifest(folder)
    write_manifest(folder, replace(manifest, operating_points={**manifest.operating_points, name: point}))
    if has_report(folder):
        write_report(folder)


def _check(promise: Promise) -> None:
    if not 0.0 < promise.target < 1.0:
        raise DataError(
            f"a target of {promise.target:g} is met by definition or by nothing, and no rows are needed to say so; "
            "give one between 0 and 1"
        )


def _useful(rows: Rows, promise: Promise, threshold: float) -> bool:
    """Whether the threshold routes at all: always strong keeps every quality, and always weak every share."""
    if promise.kind == "quality":
        return saves(rows.win_rates, threshold)
    return bool((rows.win_rates >= threshold).any())


def _quality(rows: Rows, threshold: float) -> float | None:
    """PGR on the rows; None where they have no grades, or show no gap."""
    if rows.gains is None or (total := float(rows.gains.sum())) <= 0:
        return None
    return float(rows.gains[rows.win_rates >= threshold].sum()) / total
