"""Fills the templates beside this file from a manifest."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from router.scoring.manifest import Manifest

TEMPLATES = Path(__file__).parent / "templates"
BASELINES = ("router", "length", "random", "oracle")

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
    """What templates may use."""
    return {
        "manifest": manifest,
        "points": sorted(manifest.operating_points.items(), key=lambda item: -item[1].threshold),
        "sources": manifest.training_data,
        "held_out": manifest.measured.get("held_out", {}),
        "calibration": manifest.measured.get("calibration", {}),
        "benchmarks": manifest.measured.get("benchmarks", []),
        "baselines": BASELINES,
        "routellm": ROUTELLM_BEST,
        "dropped": manifest.extra.get("dropped", []),
        "refit": manifest.extra.get("refit"),
        "not_read": manifest.extra.get("not_read", []),
        "figure": base64.b64encode(figure).decode("ascii"),
    }
