"""The other figures of a manifest: win rates against what happened, and quality by kind of prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from router.scoring.manifest import Manifest
from training.report.drawing import INK, MUTED, ROUTER, STRONG, Drawing, draw, percent_ticks
from training.report.words import FAMILY_NAMES, benchmark_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RELIABILITY, CATEGORIES = "reliability", "categories"

RELIABILITY_PANEL_INCHES = (4.2, 4.2)
CATEGORY_WIDTH_INCHES, CATEGORY_ROW_INCHES, CATEGORY_FRAME_INCHES = 7.6, 0.27, 1.1
MARGIN = 0.04
QUALITY_EDGE = 1.15


def reliability_figure(manifest: Manifest) -> Drawing | None:
    """Win rate against how often the strong answer was better, a panel for each family; None where none is recorded."""
    families = [(name, row) for name, row in manifest.measured.get("held_out", {}).items() if row.get("reliability")]
    if not families:
        return None
    said = ", ".join(
        f"{FAMILY_NAMES.get(name, name)}: mean win rate {row['mean_win_rate']:.0%}, strong better in "
        f"{row['share_of_wins']:.0%}"
        for name, row in families
    )

    def fill(figure: Figure) -> None:
        panels = figure.subplots(1, len(families), squeeze=False)[0]
        for axes, (name, row) in zip(panels, families, strict=True):
            _reliability(axes, row["reliability"])
            axes.set_title(f"{FAMILY_NAMES.get(name, name)}, {row['n']:,} prompts")
        panels[0].set_ylabel("strong answer was strictly better")

    width, height = RELIABILITY_PANEL_INCHES
    return draw(RELIABILITY, f"Win rates against outcomes. {said}.", (width * len(families), height), fill)


def categories_figure(manifest: Manifest) -> Drawing | None:
    """Quality at the usual operating point by kind of prompt, with intervals; None where no benchmark tells kinds."""
    groups = [
        (report["benchmark"], [row for row in report["categories"] if row["quality"] is not None])
        for report in manifest.measured.get("benchmarks", [])
        if len(report.get("categories", [])) > 1
    ]
    lines = [(name, row) for name, rows in groups for row in rows]
    if not lines:
        return None

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        for place, (_, row) in enumerate(lines):
            low, high = row["quality_ci"]
            axes.plot([low, high], [place, place], color=ROUTER, linewidth=2.4, alpha=0.45, solid_capstyle="round")
            axes.plot(row["quality"], place, "o", color=ROUTER, markersize=6, label="_" if place else "router, 95 %")
            axes.plot(
                row["strong_share"],
                place,
                "|",
                color=STRONG,
                markersize=11,
                markeredgewidth=2,
                label="_" if place else "a coin that sends as many to the strong model",
            )
        _category_axes(axes, lines)
        figure.legend(loc="outside lower center", ncols=2)

    height = CATEGORY_FRAME_INCHES + CATEGORY_ROW_INCHES * len(lines)
    alt = "Part of the gap recovered at the balanced point by kind of prompt; the table below has the figures."
    return draw(CATEGORIES, alt, (CATEGORY_WIDTH_INCHES, height), fill)


def _reliability(axes: Axes, bins: list[dict[str, Any]]) -> None:
    for part in bins:
        axes.plot([part["win_rate"]] * 2, part["wins_ci"], color=ROUTER, linewidth=2, alpha=0.45)
    axes.plot(
        [part["win_rate"] for part in bins], [part["wins"] for part in bins], "o", color=ROUTER, markersize=6, zorder=3
    )
    values = [value for part in bins for value in (part["win_rate"], *part["wins_ci"])]
    low, high = max(min(values) - MARGIN, 0.0), min(max(values) + MARGIN, 1.0)
    axes.plot([low, high], [low, high], color=MUTED, linewidth=1)
    axes.annotate(
        "win rate comes true",
        (low + 0.08 * (high - low),) * 2,
        textcoords="offset points",
        xytext=(-3, 5),
        rotation=45,
        rotation_mode="anchor",
        transform_rotates_text=True,
        color=MUTED,
    )
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(percent_ticks())
    axes.set_xlabel("win rate")


def _category_axes(axes: Axes, lines: list[tuple[str, dict[str, Any]]]) -> None:
    names = []
    for place, (benchmark, row) in enumerate(lines):
        names.append(f"{benchmark_name(benchmark)}: {row['category']}")
        if row["category"] == "all" and place + 1 < len(lines):
            axes.axhline(place + 0.5, color=INK, linewidth=0.6)
    axes.set_yticks(range(len(lines)), names)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.set_xlim(0, QUALITY_EDGE)
    axes.xaxis.set_major_formatter(percent_ticks())
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("part of the gap recovered at the balanced point")
