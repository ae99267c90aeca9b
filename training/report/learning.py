"""What labels of one's own add: the output of ``train-router learning-curve --json``, read and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from router.errors import UNREADABLE_JSON, DataError
from training.report.drawing import BASELINE, PUBLISHED, ROUTER, STRONG, Drawing, draw
from training.report.words import benchmark_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEARNING = "learning-curve"
INCHES = (7.6, 4.4)
COLOURS = (ROUTER, STRONG, BASELINE, PUBLISHED)
LINES = ("-", "-.")
"""Curves beyond the last colour take the colours again, with another line."""

ERRORS_95 = 1.96
"""Standard errors on either side that make a 95 % interval."""

DODGE = 0.06
"""Curves stand this much apart, so that their intervals do not hide one another."""


class LearningStep(Struct, frozen=True, kw_only=True):
    """So many labels and what they gave; see ``training.refit.learning_curve.Step``, of which this is a part."""

    labels: int
    repeats: int
    apgr: float
    apgr_se: float
    over_prior: float
    over_prior_se: float


class Learning(Struct, frozen=True, kw_only=True):
    """One learning curve; ``artifact`` and ``labels`` are "" in files that do not say them."""

    benchmark: str
    steps: list[LearningStep]
    artifact: str = ""
    labels: str = ""

    @property
    def title(self) -> str:
        """What tells it from other curves: the traffic, what was labelled, and the artifact that was refitted."""
        return ", ".join(part for part in (benchmark_name(self.benchmark), self.labels, self.artifact) if part)


def read_learning_curve(path: Path) -> Learning:
    """Read one file.

    Raises:
        DataError: it cannot be read, or is something else.
    """
    try:
        curve = msgspec.json.decode(path.read_bytes(), type=Learning)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; check the path") from error
    except UNREADABLE_JSON as error:
        raise DataError(f"{path}: no learning curve ({error}); give what `learning-curve --json` printed") from error
    if not curve.steps:
        raise DataError(f"{path}: holds no steps; give what `learning-curve --json` printed")
    return curve


def learning_figure(curves: Sequence[Learning]) -> Drawing | None:
    """APGR by number of labels, as ``train-router learning-curve --json`` printed it; None where there is none."""
    if not curves:
        return None
    sizes = sorted({step.labels for curve in curves for step in curve.steps})
    said = ", ".join(
        f"{curve.title} from {curve.steps[0].apgr:.3f} with "
        f"{curve.steps[0].labels:,} labels to {curve.steps[-1].apgr:.3f} with "
        f"{curve.steps[-1].labels:,}"
        for curve in curves
    )

    def fill(figure: Figure) -> None:
        axes = figure.subplots()
        for number, (curve, colour) in enumerate(zip(curves, cycle(COLOURS), strict=False)):
            steps = curve.steps
            places = [sizes.index(step.labels) + DODGE * number for step in steps]
            axes.errorbar(
                places,
                [step.apgr for step in steps],
                yerr=[ERRORS_95 * step.apgr_se for step in steps],
                color=colour,
                marker="o",
                linewidth=2,
                capsize=3,
                label=curve.title,
                linestyle=LINES[number // len(COLOURS) % len(LINES)],
            )
            axes.axhline(steps[0].apgr - steps[0].over_prior, color=colour, linewidth=1, linestyle="--")
        axes.set_xticks(range(len(sizes)), [f"{size:,}" for size in sizes])
        axes.set_xlabel("labels of one's own")
        axes.set_ylabel("APGR, in-domain")
        axes.legend(loc="upper left")

    return draw(LEARNING, f"What labels add: {said}.", INCHES, fill)
