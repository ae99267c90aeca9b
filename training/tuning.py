"""Choosing a threshold: from the curve in the artifact, or from prompts of one's own."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from router.errors import DataError
from router.scoring.curve import Curve, OperatingPoint
from router.scoring.manifest import read_manifest, write_manifest
from router.scoring.scorer import Scorer
from training.scoring import score_texts
from training.tradeoff import DECIMALS, measure_curve, measured_on


class Target(Struct, frozen=True, kw_only=True):
    """What the threshold is to reach, 0..1: exactly one of the two."""

    quality: float | None = None
    strong_share: float | None = None


class OwnPrompt(Struct, frozen=True, kw_only=True):
    """One line of a file of prompts; ``weak`` and ``strong`` are what each model scored on it, in any one unit."""

    prompt: str
    weak: float | None = None
    strong: float | None = None


def from_artifact(scorer: Scorer, target: Target) -> OperatingPoint:
    """The threshold that the artifact's own curve gives, with the number of prompts that it was measured on."""
    return replace(_read_off(scorer.curve, target, measured_on(scorer.manifest)), quality_from="curve")


def from_prompts(scorer: Scorer, path: Path, target: Target) -> OperatingPoint:
    """The threshold measured on a JSONL file of prompts.

    A share of calls needs prompts alone, a quality needs ``weak`` and ``strong`` beside each; for a share, the quality
    is still that of the artifact's curve where the file has no scores.

    Raises:
        DataError: the file cannot be read, or lacks what the target needs.
    """
    rows = _read(path)
    _, win_rates = score_texts(scorer, [row.prompt for row in rows])
    pairs = [(row.weak, row.strong) for row in rows if row.weak is not None and row.strong is not None]
    if len(pairs) == len(rows):
        gain = np.array([strong - weak for weak, strong in pairs], np.float64)
        return _read_off(measure_curve(win_rates, gain), target, len(rows))
    if target.strong_share is None:
        raise DataError(
            f"{path}: a quality needs 'weak' and 'strong' scores in every row; add them, or give --strong-share"
        )
    threshold = float(np.quantile(win_rates, 1.0 - target.strong_share, method="higher"))
    return OperatingPoint(
        threshold=round(threshold, DECIMALS),
        strong_share=round(float(np.mean(win_rates >= threshold)), 4),
        quality=round(scorer.curve.quality_at(threshold), 4),
        n=len(rows),
        quality_from="curve",
    )


def store(folder: Path, name: str, point: OperatingPoint) -> None:
    """Put an operating point into the manifest of an artifact, in place of one of that name."""
    manifest = read_manifest(folder)
    write_manifest(folder, replace(manifest, operating_points={**manifest.operating_points, name: point}))


def _read_off(curve: Curve, target: Target, n: int) -> OperatingPoint:
    if target.quality is not None:
        threshold = curve.threshold_for_quality(target.quality)
    elif target.strong_share is not None:
        threshold = curve.threshold_for_strong_share(target.strong_share)
    else:
        raise DataError("give a target: --quality or --strong-share")
    threshold = round(threshold, DECIMALS)
    return OperatingPoint(
        threshold=threshold,
        strong_share=round(curve.strong_share_at(threshold), 4),
        quality=round(curve.quality_at(threshold), 4),
        n=n,
    )


def _read(path: Path) -> list[OwnPrompt]:
    rows = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if line.strip():
            try:
                rows.append(msgspec.json.decode(line, type=OwnPrompt))
            except msgspec.DecodeError as error:
                raise DataError(
                    f"{path}:{number}: {error}; rows with 'prompt', and 'weak' and 'strong' for a quality, are needed"
                ) from error
    if not rows:
        raise DataError(f"{path}: holds no prompts; give JSONL rows with 'prompt'")
    return rows
