"""Fills the templates beside this file from a manifest."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from router.scoring.curve import OperatingPoint
from router.scoring.manifest import Manifest
from training.tradeoff import by_share, measured_on

TEMPLATES = Path(__file__).parent / "templates"
WEAK_SPOTS = {"mt-bench": "open questions", "mmlu": "multiple-choice questions", "gsm8k": "school mathematics"}
"""What a benchmark asks, for the sentence on where the router is weak."""

BASELINES = ("router", "length", "random", "oracle")

VOTES_OF_2023 = "arena/votes_2023"

ROUTELLM_BEST = {"mt-bench": 0.610, "mmlu": 0.524, "gsm8k": 0.475}
"""Best APGR that RouteLLM reports for routers trained on Arena votes alone (its tables 1 to 3)."""


def render(template: str, manifest: Manifest, figure: bytes) -> str:
    """Fill one template.

    Args:
        template: a file name in ``templates``; values are escaped where it makes HTML.
        manifest: of the artifact.
        figure: the PNG of its curve, put into the page itself.
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
    return environment.get_template(template).render(context(manifest, figure))


def context(manifest: Manifest, figure: bytes) -> dict[str, Any]:
    """What templates may use. Every artifact gets these documents, so their claims hang on facts in the manifest."""
    benchmarks = manifest.measured.get("benchmarks", [])
    calibration = manifest.measured.get("calibration", {})
    n = measured_on(manifest)
    names = {source["name"] for source in manifest.training_data}
    worse = [report["benchmark"] for report in benchmarks if report["router"]["apgr"] < report["length"]["apgr"]]
    return {
        "manifest": manifest,
        "points": by_share(manifest.operating_points),
        "notes": {name: _note(point, n) for name, point in manifest.operating_points.items()},
        "measured_on": n,
        "sources": manifest.training_data,
        "held_out": manifest.measured.get("held_out", {}),
        "calibration": calibration,
        "by_votes": calibration.get("family") == "chat",
        "benchmarks": benchmarks,
        "worse_than_length": worse,
        "weak_spots": [WEAK_SPOTS.get(name, name) for name in worse],
        "learned_from_2023": VOTES_OF_2023 in names,
        "options": frozenset(word for word in manifest.command.split() if word.startswith("--")),
        "baselines": BASELINES,
        "routellm": ROUTELLM_BEST,
        "dropped": manifest.extra.get("dropped", []),
        "refit": manifest.extra.get("refit"),
        "pair": manifest.extra.get("pair"),
        "not_read": manifest.extra.get("not_read", []),
        "figure": base64.b64encode(figure).decode("ascii"),
    }


def _note(point: OperatingPoint, n: int) -> str:
    """What a point that was stored later, from prompts of one's own, was measured on; "" for one of the curve."""
    if point.n == n:
        return ""
    return f"{'strong share' if point.quality_from == 'curve' else 'measured'} on {point.n:,} other prompts"
