"""Writes the documents of an artifact: figures, card and page."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from router.errors import DataError
from router.scoring.manifest import Manifest, read_manifest
from training.report.charts import CATEGORIES, RELIABILITY, categories_figure, reliability_figure
from training.report.curves import BENCHMARK_CURVES, CURVE, benchmarks_figure, held_out_figure
from training.report.drawing import Drawing
from training.report.learning import LEARNING, Learning, learning_figure, read_learning_curve
from training.report.page import render

CARD_FILE = "MODEL_CARD.md"
PAGE_FILE = "report.html"
TEMPLATES = {CARD_FILE: "MODEL_CARD.md.j2", PAGE_FILE: "report.html.j2"}


FIGURES = (CURVE, BENCHMARK_CURVES, CATEGORIES, RELIABILITY, LEARNING)
"""Every figure that a report may have, by the name of its drawing."""


def has_report(folder: Path) -> bool:
    """Whether documents of an artifact were written to ``folder``."""
    return any((folder / name).is_file() for name in TEMPLATES)


def write_report(artifact: Path, out: Path | None = None, learning_curves: Sequence[Path] = ()) -> tuple[Path, ...]:
    """Write the documents, in place of those of an earlier run; the same manifest and files give the same bytes.

    Args:
        artifact: folder of which the manifest alone is read.
        out: where to write, the artifact's folder if None; made where it does not exist.
        learning_curves: files that ``train-router learning-curve --json`` printed.

    Returns:
        the files written.

    Raises:
        ArtifactError: there is no readable manifest in ``artifact``.
        DataError: a learning curve cannot be read, or ``out`` cannot be written.
    """
    manifest = read_manifest(artifact)
    curves = [read_learning_curve(path) for path in learning_curves]
    drawings = {drawing.name: drawing for drawing in _drawings(manifest, curves)}
    documents = {f"{name}.png": drawing.png for name, drawing in drawings.items()}
    for name, template in TEMPLATES.items():
        documents[name] = render(template, manifest, drawings, curves).encode()
    return _written(artifact if out is None else out, documents)


def _drawings(manifest: Manifest, curves: Sequence[Learning]) -> list[Drawing]:
    figures = (
        held_out_figure(manifest),
        benchmarks_figure(manifest),
        categories_figure(manifest),
        reliability_figure(manifest),
        learning_figure(curves),
    )
    return [drawing for drawing in figures if drawing is not None]


def _written(folder: Path, documents: dict[str, bytes]) -> tuple[Path, ...]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if has_report(folder):
            _remove_figures(folder, but=documents)
        for name, content in documents.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        place = error.filename or folder
        raise DataError(f"{place}: {error.strerror}; name another folder with --out") from error
    return tuple(folder / name for name in documents)


def _remove_figures(folder: Path, *, but: Collection[str]) -> None:
    """Remove the figures of an earlier report that are not written again: they show what is no longer so."""
    for path in (folder / f"{name}.png" for name in FIGURES):
        if path.name not in but:
            path.unlink(missing_ok=True)
