"""The cost-quality curve of a calibrated scorer on held-out prompts, and the operating points read off it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from router.errors import DataError
from router.scoring.curve import Curve, CurvePoints, OperatingPoint
from router.scoring.manifest import Manifest

FloatArray = NDArray[np.float64]

STEPS = 50
"""The curve has a point at each of this many equal steps of strong share."""

FEWEST_ROWS = 20
DECIMALS = 6

OPERATING_SHARE: Mapping[str, float] = {"cheap": 0.25, "balanced": 0.5, "best": 0.8}
"""Named operating points, by the share of prompts that they send to the strong model.

By share and not by quality: the share is what people pay, and it is measured well; quality measured on single votes is
noisy and low (``training/LOG.md``), and points placed by it would send nearly everything to the strong model.
"""


USUAL_POINT = "balanced"
"""The point that serves where nobody asks for another."""


def measure_curve(win_rates: FloatArray, gain: FloatArray) -> Curve:
    """Measure what each threshold costs and gives.

    Args:
        win_rates: float64 [N], of prompts that neither fit nor calibration has seen.
        gain: float64 [N], what the strong model gains on each (``training.gains``).

    Returns:
        a curve whose quality never rises with the threshold: where it was measured to, the two are pooled.

    Raises:
        DataError: too few prompts, or the strong model gains nothing on them.
    """
    total = float(gain.sum())
    if len(gain) < FEWEST_ROWS or total <= 0:
        raise DataError(
            f"the cost-quality curve cannot be measured on {len(gain)} held-out prompts where the stronger models gain "
            f"{total:.3g} in all; give more battles between models of clearly different strength"
        )
    thresholds = np.unique(np.round(np.quantile(win_rates, np.arange(1, STEPS) / STEPS), DECIMALS))
    strong = win_rates[None, :] >= thresholds[:, None]
    share = np.minimum.accumulate(strong.mean(axis=1))
    quality = _never_rising(strong @ gain / total)
    return Curve(
        CurvePoints(
            threshold=thresholds.tolist(),
            strong_share=np.round(np.clip(share, 0.0, 1.0), DECIMALS).tolist(),
            quality=np.round(np.clip(quality, 0.0, 1.0), DECIMALS).tolist(),
        )
    )


def operating_points(curve: Curve, n: int) -> dict[str, OperatingPoint]:
    """The named thresholds, with the share and the quality that each was measured to give on ``n`` prompts."""
    points = {}
    for name, share in OPERATING_SHARE.items():
        threshold = round(curve.threshold_for_strong_share(share), DECIMALS)
        points[name] = OperatingPoint(
            threshold=threshold,
            strong_share=round(curve.strong_share_at(threshold), 4),
            quality=round(curve.quality_at(threshold), 4),
            n=n,
        )
    return points


def measured_on(manifest: Manifest) -> int:
    """How many prompts the curve was measured on: those of the points that were read off it, not of promised ones."""
    return max((point.n for point in read_off_curve(manifest.operating_points).values()), default=0)


def read_off_curve(points: Mapping[str, OperatingPoint]) -> dict[str, OperatingPoint]:
    """The points that came with the curve or were estimated from it, without those that other rows promise."""
    return {name: point for name, point in points.items() if point.promise is None}


def by_share(points: Mapping[str, OperatingPoint]) -> list[tuple[str, OperatingPoint]]:
    """Names and points as people read them: from the least share of strong calls to the most."""
    return sorted(points.items(), key=lambda item: (item[1].strong_share, -item[1].threshold))


def point_lines(points: Mapping[str, OperatingPoint]) -> list[str]:
    """One line for each point, for the terminal."""
    return [
        f"{name}: threshold {point.threshold:.4f}, strong share {point.strong_share:.2f}, quality {point.quality:.2f}"
        for name, point in by_share(points)
    ]


def _never_rising(quality: FloatArray) -> FloatArray:
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(increasing=False).fit_transform(np.arange(len(quality), dtype=np.float64), quality)
    return np.asarray(fitted, np.float64)
