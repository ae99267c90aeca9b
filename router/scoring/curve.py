"""The cost-quality curve: what each threshold was measured to cost and to give."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from router.errors import ArtifactError
from router.types import WhenUnfamiliar

Fraction = Annotated[float, Meta(ge=0, le=1)]

PromiseKind = Literal["quality", "strong_share", "weak_failures"]


class Promise(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a threshold keeps over traffic like the rows that it was chosen on, unless these were an unlucky draw.

    ``quality`` is at least ``target``, ``strong_share`` at most, and so is ``weak_failures``, the share of the weak
    model's answers that are rated bad: over all such traffic or, where ``requests`` is given, over so many requests to
    come. ``confidence`` is the least chance, over draws of the rows (and of these requests), that a threshold chosen
    this way keeps it. ``unfamiliar`` says where prompts unlike all training are to go for it to hold.
    """

    kind: PromiseKind
    target: Fraction
    confidence: Fraction
    requests: Annotated[int, Meta(ge=1)] | None = None
    unfamiliar: WhenUnfamiliar = "strong"

    def __str__(self) -> str:
        bound = f"{self.kind}{'>=' if self.kind == 'quality' else '<='}{self.target!r}"
        requests = "" if self.requests is None else f"; requests={self.requests}"
        return f"{bound}{requests}; confidence={self.confidence!r}"


class OperatingPoint(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A named threshold and what it was measured to give on ``n`` prompts.

    ``quality_from``: the quality was measured by the ``labels`` of these prompts, or read off the artifact's ``curve``.
    ``promise`` is None where the figures are estimates; else ``date`` (a UTC day) and ``file`` (a name without its
    folder) say when and on what it was made.
    """

    threshold: Fraction
    strong_share: Fraction
    quality: float
    n: int
    quality_from: Literal["labels", "curve"] = "labels"
    promise: Promise | None = None
    date: Annotated[str, Meta(pattern=r"^(\d{4}-\d{2}-\d{2})?\Z")] = ""
    file: str = ""

    @property
    def promised(self) -> str | None:
        """The promise in one line, as headers carry it; None where there is none."""
        return None if self.promise is None else f"{self.promise}; n={self.n}; date={self.date}"


class CurvePoints(Struct, frozen=True, kw_only=True):
    """The curve as the manifest keeps it; see ``Curve`` for what the lists must satisfy."""

    threshold: list[float]
    strong_share: list[float]
    quality: list[float]


class Curve:
    """Threshold against strong share and quality (PGR), measured on held-out data and read by linear interpolation.

    The ends hold by definition and are added where they are missing: threshold 0 sends everything to the strong
    model (share 1, quality 1), threshold 1 nothing (share 0, quality 0).

    Args:
        points: ``threshold`` strictly increasing in 0..1; ``strong_share`` and ``quality`` in 0..1, never rising.

    Raises:
        ArtifactError: the points are no such curve.
    """

    def __init__(self, points: CurvePoints) -> None:
        threshold, share, quality = (
            np.array(column, np.float64) for column in (points.threshold, points.strong_share, points.quality)
        )
        if not threshold.shape == share.shape == quality.shape:
            raise ArtifactError("curve: threshold, strong_share and quality must have one length.")
        inner = (threshold > 0) & (threshold < 1)
        self.threshold = np.concatenate([[0.0], threshold[inner], [1.0]])
        self.strong_share = np.concatenate([[1.0], share[inner], [0.0]])
        self.quality = np.concatenate([[1.0], quality[inner], [0.0]])
        for values in (threshold, share, quality):
            if not np.all((values >= 0) & (values <= 1)):
                raise ArtifactError("curve: every value must lie in 0..1.")
        if np.any(np.diff(self.threshold) <= 0):
            raise ArtifactError("curve: thresholds must be strictly increasing.")
        if np.any(np.diff(self.strong_share) > 0) or np.any(np.diff(self.quality) > 0):
            raise ArtifactError("curve: strong share and quality must not rise with the threshold.")

    def points(self) -> CurvePoints:
        """The curve for the manifest, ends included."""
        return CurvePoints(
            threshold=self.threshold.tolist(), strong_share=self.strong_share.tolist(), quality=self.quality.tolist()
        )

    def threshold_for_quality(self, quality: float) -> float:
        """The highest (cheapest) threshold that was measured to give at least ``quality``, 0..1."""
        return self._highest_threshold(self.quality, quality)

    def threshold_for_strong_share(self, share: float) -> float:
        """The threshold that was measured to send ``share``, 0..1, of the prompts to the strong model."""
        return self._highest_threshold(self.strong_share, share)

    def strong_share_at(self, threshold: float) -> float:
        """Share of prompts at or above ``threshold``."""
        return float(np.interp(threshold, self.threshold, self.strong_share))

    def quality_at(self, threshold: float) -> float:
        """Quality measured at ``threshold``."""
        return float(np.interp(threshold, self.threshold, self.quality))

    def _highest_threshold(self, values: NDArray[np.float64], target: float) -> float:
        """Invert a falling curve. On a level stretch the highest threshold wins: the same gain for less."""
        rising = values[::-1]
        falling_threshold = self.threshold[::-1]
        if target >= 1.0:
            return 0.0
        place = int(np.searchsorted(rising, target, side="left"))
        if rising[place] == target:
            return float(falling_threshold[place])
        near, far = rising[place - 1], rising[place]
        part = (target - near) / (far - near)
        return float(falling_threshold[place - 1] + part * (falling_threshold[place] - falling_threshold[place - 1]))
