"""The cost-quality curve as a PNG."""

from __future__ import annotations

from io import BytesIO

from router.scoring.manifest import Manifest
from training.tradeoff import by_share

WIDTH_INCHES = 6.4
HEIGHT_INCHES = 4.8
DPI = 120
TOP = 1.05
"""Quality at the upper edge. A mix of both models can pass 1; only benchmarks show it, and only just."""

LABEL_OFFSET = (8, -22)
"""Points, below right: the curves rise, so there the label covers none of them."""

LABEL_BOX = {"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": "none", "alpha": 0.9}

POINT_LAYER, LABEL_LAYER = 4, 3
"""Labels lie above the curves, and points above the labels."""

ROUTER_COLOUR = "#1b6ca8"
BENCHMARK_COLOURS = ("#3a7d44", "#8d6a9f", "#b8860b")
POINT_COLOUR = "#c8553d"


def draw_curve(manifest: Manifest) -> bytes:
    """Quality against strong share: held out with operating points, on benchmarks, and of a router tossing a coin."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), dpi=DPI, layout="tight")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", linewidth=1, label="random")
    axes.plot(
        manifest.curve.strong_share,
        manifest.curve.quality,
        color=ROUTER_COLOUR,
        linewidth=2,
        label=f"{manifest.label}, held out",
    )
    for report, colour in zip(manifest.measured.get("benchmarks", []), BENCHMARK_COLOURS, strict=False):
        axes.plot(
            report["curve"]["strong_share"],
            report["curve"]["quality"],
            color=colour,
            linewidth=1,
            marker=".",
            label=report["benchmark"],
        )
    for name, point in by_share(manifest.operating_points):
        axes.plot([point.strong_share], [point.quality], marker="o", color=POINT_COLOUR, zorder=POINT_LAYER)
        axes.annotate(
            f"{name} ({point.threshold:.2f})",
            (point.strong_share, point.quality),
            textcoords="offset points",
            xytext=LABEL_OFFSET,
            horizontalalignment="left",
            verticalalignment="top",
            bbox=LABEL_BOX,
            zorder=LABEL_LAYER,
        )
    axes.set_xlabel("share of requests sent to the strong model")
    axes.set_ylabel("quality: share of the gap recovered (PGR)")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, TOP)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="lower right")
    buffer = BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
