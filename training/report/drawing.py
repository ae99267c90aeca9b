"""How figures are drawn: one palette, and each figure as a PNG for anywhere and as an SVG for our own page.

The SVG takes its colours and its font from the page that it is put into, so it follows light and dark mode. The same
figure gives the same bytes of both.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

INK, MUTED, LINE, PAPER = "#1d2433", "#6a7284", "#d8dce5", "#ffffff"
ROUTER, BASELINE, STRONG, PUBLISHED = "#1f6fb2", "#8a6d3b", "#c8553d", "#6b4fa0"
"""What each is for: our router, the length of the prompt, points that we set and the strong model, others' figures."""

VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    LINE: "--line",
    PAPER: "--paper",
    ROUTER: "--router",
    BASELINE: "--baseline",
    STRONG: "--strong",
    PUBLISHED: "--published",
}
"""Colour to the custom property of the page that stands in for it."""

DPI = 120

REM_PER_INCH = 6.3
"""Width on the page, where it is wide enough; then the figures' text is a little smaller than the page's."""

LEAST_PART = 2 / 3
"""On a narrow page a figure shrinks to this part of its width and is then scrolled: below, nobody could read it."""
BAND_OPACITY = 0.18
PERCENT = 100.0

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelcolor": INK,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "svg.fonttype": "none",
}

_NOT_DRAWN = re.compile(r"^.*?(?=<svg)|<metadata>.*?</metadata>\s*|<style.*?</style>\s*", re.DOTALL)
_OPENING_TAG = re.compile(r"<svg[^>]*>")
_SIZE = re.compile(r' (?:width|height)="[^"]*"')
_EMPTY_GROUP = re.compile(r'\s*<g id="[^"]*"/>')
_NAMED_GROUP = re.compile(r'<g id="[^"]*">')
_FONT = re.compile(r"'DejaVu Sans'(?:, [^;\"]*)?")


class Drawing(Struct, frozen=True, kw_only=True):
    """One finished figure: ``name`` is that of its file without the ending, ``alt`` says in words what is seen."""

    name: str
    alt: str
    png: bytes
    svg: str


def draw(name: str, alt: str, size: tuple[float, float], fill: Callable[[Figure], None]) -> Drawing:
    """Draw a figure of ``size`` inches: ``fill`` puts axes into it."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context({**STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=size, dpi=DPI, layout="constrained")
        FigureCanvasAgg(figure)
        fill(figure)
        return Drawing(name=name, alt=alt, png=_png(figure), svg=_svg(figure, alt))


def percent_axes(axes: Axes, *, x: str = "", y: str = "", top: float = 1.0) -> None:
    """Both axes in percent of 0..1, with their labels; equal scales where ``top`` is 1."""
    axes.set_xlim(0, 1)
    axes.set_ylim(0, top)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(percent_ticks())
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def percent_ticks() -> PercentFormatter:
    """Ticks of shares of 1, in percent."""
    from matplotlib.ticker import PercentFormatter

    return PercentFormatter(1.0, decimals=0, symbol=" %")


def _png(figure: Figure) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", facecolor=PAPER, metadata={"Software": None}, pil_kwargs={"optimize": True})
    return buffer.getvalue()


def _svg(figure: Figure, alt: str) -> str:
    buffer = StringIO()
    figure.savefig(buffer, format="svg", facecolor="none", metadata={"Date": None})
    svg = _NOT_DRAWN.sub("", buffer.getvalue())
    svg = _OPENING_TAG.sub(lambda tag: _SIZE.sub("", tag.group()), svg, count=1)
    svg = _NAMED_GROUP.sub("<g>", _EMPTY_GROUP.sub("", svg))
    svg = _FONT.sub("inherit", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    width = REM_PER_INCH * float(figure.get_figwidth())
    size = f"max-width: {width:.4g}rem; min-width: {LEAST_PART * width:.4g}rem"
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(alt, quote=True)}" style="{size}"', 1)
