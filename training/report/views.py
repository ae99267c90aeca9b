"""Rows of the tables on pages, read off a manifest: plain dicts for the templates, numbers as the manifest has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from router.scoring.curve import OperatingPoint, PromiseKind
from router.scoring.manifest import Manifest
from training.evaluate.measured import ALL
from training.evaluate.published import PublishedRouter, published_for
from training.promise.terms import SAID
from training.report.words import benchmark_name, exact_percent, one_line, percent, percent_interval
from training.tradeoff import USUAL_POINT, by_share

ROUTER_LABELS = {"length": "length of the prompt", "random": "random", "oracle": "oracle"}
"""Baselines in the order of the tables."""


ROWS_OF: dict[PromiseKind, str] = {
    "quality": "labels",
    "strong_share": "prompts",
    "weak_failures": "rated answers of the weak model",
}
"""What a promise was made on."""


def sums_up(manifest: Manifest) -> str:
    """The first sentence of the page: what the usual operating point saves and keeps, and how sure that is."""
    rows = traffic_rows(manifest)
    if not rows:
        return ""
    first = rows[0]
    sentence = (
        f"At its usual setting it keeps {percent(1.0 - first['strong_share'])} of the calls away from the strong model "
        f"and recovers {percent(first['quality'])} of the gap in quality on {first['n']:,} held-out prompts"
    )
    if first["interval"] is None:
        return f"{sentence}."
    return (
        f"{sentence} (95 % interval {percent_interval(first['interval'])}); a coin that keeps as many away recovers "
        f"{percent(first['strong_share'])}."
    )


def point_rows(manifest: Manifest) -> list[dict[str, Any]]:
    """Operating points by share: ``point``, ``interval`` of its quality where one was measured, ``note`` if any."""
    return [
        {
            "name": name,
            "point": point,
            "interval": _interval_at(manifest, point.strong_share) if point.promise is None else None,
            "note": _note(point),
        }
        for name, point in by_share(manifest.operating_points)
    ]


def traffic_rows(manifest: Manifest) -> list[dict[str, Any]]:
    """What the usual operating point gives on each kind of traffic that was measured, held-out prompts first."""
    point = manifest.operating_points.get(USUAL_POINT)
    rows = []
    if point is not None and point.promise is None:
        rows.append(
            _traffic("held-out prompts", point.n, point.strong_share, point.quality)
            | {"interval": _interval_at(manifest, point.strong_share)}
        )
    for report in manifest.measured.get("benchmarks", []):
        whole = next((row for row in report.get("categories", []) if row["category"] == ALL), None)
        if whole is not None:
            name = benchmark_name(report["benchmark"])
            row = _traffic(name, whole["n"], whole["strong_share"], whole["quality"])
            rows.append(row | {"interval": whole["quality_ci"]})
    return [row | {"verdict": verdict(row["strong_share"], row["interval"])} for row in rows]


def benchmark_tables(manifest: Manifest) -> list[dict[str, Any]]:
    """For each benchmark its ``report``, ``rows`` (the router, baselines, what is published), what is ``published``."""
    return [
        {
            "name": benchmark_name(report["benchmark"]),
            "report": report,
            "rows": _router_rows(manifest.label, report),
            "published": published_for(report["benchmark"], report["n"]),
        }
        for report in manifest.measured.get("benchmarks", [])
    ]


def kind_tables(manifest: Manifest) -> list[dict[str, Any]]:
    """For each benchmark ``rows``, its kinds of prompts and all of them; ``apart`` where it tells kinds apart."""
    return [
        {
            "name": benchmark_name(report["benchmark"]),
            "apart": len(report["categories"]) > 1,
            "rows": [
                row | {"verdict": verdict(row["strong_share"], row["quality_ci"])} for row in report["categories"]
            ],
        }
        for report in manifest.measured.get("benchmarks", [])
        if report.get("categories")
    ]


def verdict(share: float, interval: Sequence[float] | None) -> str:
    """Whether quality is above what a coin recovers that sends the same ``share`` to the strong model."""
    if interval is None:
        return "too little to tell"
    if share in (0.0, 1.0):
        return f"all go to the {'strong' if share else 'weak'} model"
    low, high = interval
    if low > share:
        return "better than a coin"
    return "worse than a coin" if high < share else "no clear difference"


def _traffic(name: str, n: int, share: float, quality: float | None) -> dict[str, Any]:
    return {"name": name, "n": n, "strong_share": share, "quality": quality}


def _router_rows(label: str, report: dict[str, Any]) -> list[dict[str, Any]]:
    rows = [{"label": label, "ours": True, **report["router"]}]
    rows += [{"label": shown, "ours": False, **report[name]} for name, shown in ROUTER_LABELS.items()]
    published = published_for(report["benchmark"], report["n"])
    if published is not None:
        rows += [_published(published.votes_only), _published(published.best)]
    return rows


def _published(router: PublishedRouter) -> dict[str, Any]:
    return {
        "label": f"RouteLLM, {router.router}, {router.data}",
        "ours": False,
        "apgr": router.apgr,
        "apgr_ci": None,
        "cpt50": router.cpt50,
        "cpt80": router.cpt80,
    }


def _interval_at(manifest: Manifest, share: float) -> tuple[float, float] | None:
    """The band of the held-out curve where it sends ``share``; None where the run recorded none."""
    measured = manifest.measured.get("held_out_curve")
    if measured is None:
        return None
    curve = measured["curve"]
    low, high = (float(np.interp(share, curve["strong_share"], curve[side])) for side in ("low", "high"))
    return low, high


def _note(point: OperatingPoint) -> str:
    """What is promised of a point that was stored later, and what that rests on; "" for one read off the curve."""
    promise = point.promise
    if promise is None:
        return ""
    requests = "" if promise.requests is None else f" of the next {promise.requests:,} requests"
    by_curve = "; the quality is by the curve of the artifact" if point.quality_from == "curve" else ""
    return (
        f"promised{requests}: {SAID[promise.kind].format(exact_percent(promise.target))}, at "
        f"{exact_percent(promise.confidence)} confidence, on {point.n:,} {ROWS_OF[promise.kind]} of "
        f"{one_line(point.file)}, {point.date}{by_curve}"
    )
