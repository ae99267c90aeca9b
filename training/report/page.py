"""Fills the templates beside this file from a manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from router.scoring.manifest import Manifest
from training.evaluate.published import SOURCE
from training.report.drawing import Drawing
from training.report.learning import Learning
from training.report.views import benchmark_tables, kind_tables, point_rows, sums_up, traffic_rows
from training.report.words import FAMILY_NAMES, benchmark_name, one_line, percent, percent_interval, signed
from training.tradeoff import measured_on

TEMPLATES = Path(__file__).parent / "templates"
WEAK_SPOTS = {"mt-bench": "open questions", "mmlu": "multiple-choice questions", "gsm8k": "school mathematics"}
"""What a benchmark asks, for the sentence on where the router is weak."""

FILTERS = (benchmark_name, one_line, percent, percent_interval, signed)
"""What templates call by its name to write a value for people."""

COIN = 0.5
"""APGR of a coin."""

VOTES_OF_2023 = "arena/votes_2023"


def render(template: str, manifest: Manifest, drawings: Mapping[str, Drawing], curves: Sequence[Learning]) -> str:
    """Fill one template.

    Args:
        template: a file name in ``templates``; values are escaped where it makes HTML.
        manifest: of the artifact.
        drawings: its figures by name, put into the page itself.
        curves: learning curves to show in figures.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=template.endswith(".html.j2"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update({word.__name__: word for word in FILTERS})
    return environment.get_template(template).render(context(manifest, drawings, curves))


def context(manifest: Manifest, drawings: Mapping[str, Drawing], curves: Sequence[Learning]) -> dict[str, Any]:
    """What templates may use. Every artifact gets these documents, so their claims hang on facts in the manifest."""
    return {
        "manifest": manifest,
        "drawings": drawings,
        "learning_curves": curves,
        "refit": manifest.extra.get("refit"),
        "pair": manifest.extra.get("pair"),
        **_measured(manifest),
        **_origin(manifest),
    }


def _measured(manifest: Manifest) -> dict[str, Any]:
    benchmarks = manifest.measured.get("benchmarks", [])
    calibration = manifest.measured.get("calibration", {})
    curve = manifest.measured.get("held_out_curve")
    worse = [report["benchmark"] for report in benchmarks if report["router"]["apgr"] < report["length"]["apgr"]]
    return {
        "summary": sums_up(manifest),
        "points": point_rows(manifest),
        "traffic": traffic_rows(manifest),
        "measured_on": measured_on(manifest),
        "held_out": manifest.measured.get("held_out", {}),
        "held_out_curve": curve,
        "like_a_coin": curve is not None and curve["router"]["apgr_ci"][0] <= COIN <= curve["router"]["apgr_ci"][1],
        "family_names": FAMILY_NAMES,
        "calibration": calibration,
        "by_votes": calibration.get("family") == "chat",
        "benchmarks": benchmark_tables(manifest),
        "kinds": kind_tables(manifest),
        "worse_than_length": worse,
        "weak_spots": [WEAK_SPOTS.get(name, name) for name in worse],
        "published_source": SOURCE,
        "decisions": manifest.measured.get("decisions", []),
        "unfamiliar_share": None if manifest.reference is None else manifest.reference.unfamiliar_share,
    }


def _origin(manifest: Manifest) -> dict[str, Any]:
    return {
        "sources": manifest.training_data,
        "learned_from_2023": VOTES_OF_2023 in {source["name"] for source in manifest.training_data},
        "options": frozenset(word for word in manifest.command.split() if word.startswith("--")),
        "dropped": manifest.extra.get("dropped", []),
        "not_read": manifest.extra.get("not_read", []),
    }
