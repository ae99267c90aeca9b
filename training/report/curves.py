"""Figures of cost against quality: on held-out prompts, and on each benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from router.scoring.manifest import Manifest
from training.evaluate.published import PublishedRouter, published_for
from training.report.drawing import (
    BAND_OPACITY,
    BASELINE,
    INK,
    MUTED,
    PAPER,
    PERCENT,
    PUBLISHED,
    ROUTER,
    STRONG,
    Drawing,
    draw,
    percent_axes,
)
from training.report.words import benchmark_name
from training.tradeoff import by_share, read_off_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CURVE, BENCHMARK_CURVES = "curve", "benchmarks"
TOP = 1.12
"""Quality at the upper edge: a mix of both models can be better than the strong one alone. The oracle's line leaves."""

STRONG_AXIS = "requests sent to the strong model"
QUALITY_AXIS = "quality: part of the gap recovered"

LABEL_OFFSET = (-8, 5)
"""Points, left of the mark and above it: the curves rise, so there the label covers none of them."""

CURVE_INCHES = (7.6, 5.6)
PANEL_INCHES = (3.9, 4.6)

BASELINE_LINES: Mapping[str, dict[str, Any]] = {
    "length": {"color": BASELINE, "linestyle": (0, (5, 2)), "label": "length of the prompt"},
    "oracle": {"color": MUTED, "linestyle": (0, (1, 1.5)), "label": "oracle: knows both answers"},
    "prior": {"color": PUBLISHED, "linestyle": "-", "label": "before the refit"},
}
"""Baseline, as the manifest calls it, to how it is drawn."""


def held_out_figure(manifest: Manifest) -> Drawing:
    """The curve that serving reads, its band, the baselines, and the operating points that were read off it."""
    points = by_share(read_off_curve(manifest.operating_points))
    said = ", ".join(
        f"{name} sends {point.strong_share:.0%} to the strong model and recovers {point.quality:.0%} of the gap"
        for name, point in points
    )

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        measured = manifest.measured.get("held_out_curve")
        _random(axes)
        if measured is not None:
            _baselines(axes, measured)
            _band(axes, measured["curve"])
        curve = manifest.curve
        axes.plot(curve.strong_share, curve.quality, color=ROUTER, linewidth=2.2, label=manifest.label)
        for name, point in points:
            axes.plot(point.strong_share, point.quality, "o", color=STRONG, markersize=7, zorder=4)
            axes.annotate(
                name,
                (point.strong_share, point.quality),
                textcoords="offset points",
                xytext=LABEL_OFFSET,
                horizontalalignment="right",
                color=INK,
                fontweight="bold",
                zorder=5,
            )
        percent_axes(axes, x=STRONG_AXIS, y=QUALITY_AXIS, top=TOP)
        _legend(figure, axes, columns=3)

    return draw(CURVE, f"Cost against quality on held-out prompts: {said}.", CURVE_INCHES, fill)


def benchmarks_figure(manifest: Manifest) -> Drawing | None:
    """One panel for each benchmark, with what RouteLLM published; None where the run measured none."""
    reports = manifest.measured.get("benchmarks", [])
    if not reports:
        return None
    said = ", ".join(
        f"{benchmark_name(report['benchmark'])} APGR {report['router']['apgr']:.3f}, by length alone "
        f"{report['length']['apgr']:.3f}"
        for report in reports
    )

    def fill(figure: Figure) -> None:
        panels = figure.subplots(1, len(reports), sharey=True, squeeze=False)[0]
        for axes, report in zip(panels, reports, strict=True):
            _benchmark(axes, report, manifest.label)
        panels[0].set_ylabel(QUALITY_AXIS)
        _legend(figure, *panels, columns=3)

    size = (max(PANEL_INCHES[0] * len(reports), CURVE_INCHES[0]), PANEL_INCHES[1])
    return draw(BENCHMARK_CURVES, f"Cost against quality on benchmarks: {said}.", size, fill)


def _benchmark(axes: Axes, report: dict[str, Any], label: str) -> None:
    _random(axes)
    _baselines(axes, report)
    _band(axes, report["curve"])
    curve = report["curve"]
    axes.plot(curve["strong_share"], curve["quality"], color=ROUTER, linewidth=2.2, label=label)
    published = published_for(report["benchmark"], report["n"])
    if published is not None:
        _published(axes, published.votes_only, "RouteLLM, best with votes alone", filled=False)
        _published(axes, published.best, "RouteLLM, best with other labels too", filled=True)
    percent_axes(axes, x=STRONG_AXIS, top=TOP)
    axes.set_title(f"{benchmark_name(report['benchmark'])}, {report['n']:,} prompts")


def _published(axes: Axes, router: PublishedRouter, label: str, *, filled: bool) -> None:
    """A published router's two points: where it recovers half of the gap, and four fifths."""
    axes.plot(
        [router.cpt50 / PERCENT, router.cpt80 / PERCENT],
        [0.5, 0.8],
        linestyle="none",
        marker="D",
        markersize=7,
        markeredgecolor=PUBLISHED,
        markerfacecolor=PUBLISHED if filled else PAPER,
        label=label,
        zorder=4,
    )


def _random(axes: Axes) -> None:
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, label="random")


def _baselines(axes: Axes, measured: dict[str, Any]) -> None:
    for name, curve in measured.get("baselines", {}).items():
        axes.plot(curve["strong_share"], curve["quality"], linewidth=1.4, **BASELINE_LINES[name])


def _band(axes: Axes, curve: dict[str, Any]) -> None:
    if "low" not in curve:  # of an artifact that an earlier version measured
        return
    axes.fill_between(
        curve["strong_share"],
        curve["low"],
        curve["high"],
        color=ROUTER,
        alpha=BAND_OPACITY,
        linewidth=0,
        label="95 % band over prompts",
    )


def _legend(figure: Figure, *panels: Axes, columns: int) -> None:
    """One legend below all panels, each label once."""
    entries = {}
    for axes in panels:
        entries.update({label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)})
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=columns)
