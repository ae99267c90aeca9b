"""``train-router refit``: from the shipped artifact and labels of one's own to an artifact of one's own."""

from __future__ import annotations

from pathlib import Path

import click

from training.commands.fit import MODELS
from training.commands.shared import (
    TRAIN_PACKAGES,
    artifact_option,
    json_option,
    print_json,
    quiet_option,
    require_extra,
    seed_option,
    speaker,
    written,
)
from training.plan import name_and_version


@click.command("refit")
@click.option(
    "--labels",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSONL, JSON, CSV or Parquet: 'prompt', and 'weak_correct' (and 'strong_correct'), 'weak' (and 'strong'), "
    "'scores' by model, or 'winner'.",
)
@artifact_option()
@click.option("--name", "label", default="refit", show_default=True, metavar="NAME[/VERSION]", help="Its name.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the new artifact.  [default: models/NAME/VERSION]",
)
@seed_option("Fixes folds and landmarks.")
@json_option()
@quiet_option()
def command(
    *, labels: Path, artifact: Path | None, label: str, out: Path | None, seed: int, as_json: bool, quiet: bool
) -> None:
    """Correct an artifact by labels of your own traffic, recalibrate it and measure it by cross-fitting.

    The artifact stays as the prior: with few labels prompts rank as before, with 1,500 the labels decide. The weak
    model's own right and wrong is enough; then the strong model is taken to be right.
    """
    require_extra("train", TRAIN_PACKAGES)
    from router.scoring.artifact import default_artifact_path
    from training.refit.run import RefitPlan, refit

    name, version = name_and_version(label)
    plan = RefitPlan(
        labels=labels,
        artifact=artifact if artifact is not None else default_artifact_path(),
        out=out if out is not None else MODELS / name / version,
        name=name,
        version=version,
        seed=seed,
    )
    manifest = refit(plan, speaker(wanted=not (quiet or as_json)))
    if as_json:
        print_json({**written(manifest, plan.out), "refit": manifest.extra["refit"]})
