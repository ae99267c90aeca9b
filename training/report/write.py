"""Writes the three documents of an artifact."""

from __future__ import annotations

from pathlib import Path

from router.scoring.manifest import read_manifest
from training.report.figure import draw_curve
from training.report.page import render

FIGURE_FILE = "curve.png"
CARD_FILE = "MODEL_CARD.md"
PAGE_FILE = "report.html"


def write_report(folder: Path) -> tuple[Path, ...]:
    """Write figure, card and page into the artifact's folder; the same manifest gives the same bytes.

    Returns:
        the files written.

    Raises:
        ArtifactError: there is no readable manifest in ``folder``.
    """
    manifest = read_manifest(folder)
    figure = draw_curve(manifest)
    (folder / FIGURE_FILE).write_bytes(figure)
    (folder / CARD_FILE).write_text(render("MODEL_CARD.md.j2", manifest, figure), encoding="utf-8")
    (folder / PAGE_FILE).write_text(render("report.html.j2", manifest, figure), encoding="utf-8")
    return tuple(folder / name for name in (FIGURE_FILE, CARD_FILE, PAGE_FILE))
