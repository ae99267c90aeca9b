"""``train-router tune-threshold``: a target in, a threshold out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec.structs import asdict

from training.commands.shared import (
    TRAIN_PACKAGES,
    artifact_option,
    json_option,
    print_json,
    quiet_option,
    require_extra,
    speaker,
)

if TYPE_CHECKING:
    from router.scoring.curve import OperatingPoint

SHARE = click.FloatRange(0.0, 1.0)


@click.command("tune-threshold")
@click.option("--quality", type=SHARE, help="Share of the gap between weak and strong model to recover, 0..1.")
@click.option("--strong-share", type=SHARE, help="Share of requests to send to the strong model, 0..1.")
@click.option(
    "--prompts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSONL: `prompt`, and for a quality each model's score: `weak`, `strong`.  [default: the artifact's curve]",
)
@click.option(
    "--store", "name", metavar="NAME", help="Keep the threshold in the artifact under this name (needs --artifact)."
)
@artifact_option()
@json_option()
@quiet_option()
def command(
    *,
    quality: float | None,
    strong_share: float | None,
    prompts: Path | None,
    name: str | None,
    artifact: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Find the threshold for a target quality or share of strong calls, and say what it was measured to give."""
    if (quality is None) == (strong_share is None):
        raise click.UsageError("give exactly one of --quality and --strong-share")
    if name is not None and artifact is None:
        raise click.UsageError("--store needs --artifact: the shipped artifact stays as it is")
    if prompts is not None:
        require_extra("train", TRAIN_PACKAGES)
    from router.scoring.scorer import Scorer
    from training.tuning import Target, from_artifact, from_prompts, store

    speaker(wanted=not (quiet or as_json))
    scorer = Scorer.load(artifact)
    target = Target(quality=quality, strong_share=strong_share)
    point = from_artifact(scorer, target) if prompts is None else from_prompts(scorer, prompts, target)
    if name is not None and artifact is not None:
        store(artifact, name, point)
    if as_json:
        print_json(asdict(point))
    else:
        click.echo(_line(point, own_prompts=prompts is not None))


def _line(point: OperatingPoint, *, own_prompts: bool) -> str:
    """The threshold with what it gives, and what was measured where."""
    if own_prompts and point.quality_from == "curve":
        figures = (
            f"strong share {point.strong_share:.3g} of these {point.n:,} prompts; "
            f"quality {point.quality:.2f} by the artifact's curve"
        )
    else:
        figures = f"strong share {point.strong_share}, quality {point.quality}, measured on {point.n:,} prompts"
    return f"threshold {point.threshold} ({figures})"
