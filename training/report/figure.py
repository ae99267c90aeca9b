"""The cost-quality curve as a PNG."""

from __future__ import annotations

from io import BytesIO

from router.scoring.manifest import Manifest

WIDTH_INCHES = 6.4
HEIGHT_INCHES = 4.8
DPI = 120
HIGHEST_QUALITY = 1.15
"""Above 1 a mix of both models beats the strong one alone, as it does on benchmarks."""

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
    for name, point in sorted(manifest.operating_points.items()):
        axes.plot([point.strong_share], [point.quality], marker="o", color=POINT_COLOUR, linestyle="none")
        axes.annotate(
            f"{name} ({point.threshold:.2f})",
            (point.strong_share, point.quality),
            textcoords="offset points",
            xytext=(-8, 8),
            horizontalalignment="right",
        )
    axes.set_xlabel("share of requests sent to the strong model")
    axes.set_ylabel("quality: share of the gap recovered (PGR)")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, HIGHEST_QUALITY)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="lower right")
    buffer = BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
