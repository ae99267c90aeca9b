"""``train-router pair``: an artifact for another pair of models, from their strengths alone."""

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
    speaker,
    written,
)
from training.plan import name_and_version


@click.command("pair")
@click.option("--weak-strength", required=True, type=float, help="Rating of the weak model, or its share right, 0..1.")
@click.option("--strong-strength", required=True, type=float, help="The same of the strong model.")
@click.option(
    "--scale",
    required=True,
    type=click.Choice(["elo", "accuracy"]),
    help="elo: ratings as in Chatbot Arena; accuracy: shares of right answers on one exam.",
)
@click.option(
    "--tie-margin",
    type=click.FloatRange(0.0, 5.0),
    help="elo: 0 where your judge never calls a tie.  [default: as people vote]",
)
@artifact_option()
@click.option("--name", "label", default="pair", show_default=True, metavar="NAME[/VERSION]", help="Its name.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the new artifact.  [default: models/NAME/VERSION]",
)
@json_option()
@quiet_option()
def command(
    *,
    weak_strength: float,
    strong_strength: float,
    scale: str,
    tie_margin: float | None,
    artifact: Path | None,
    label: str,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Move an artifact's win rates to another pair of models, without labels; prompts rank as before.

    The mean win rate becomes what the strengths say. With labels of the pair, `train-router refit` does better.
    """
    require_extra("train", TRAIN_PACKAGES)
    if tie_margin is not None and scale != "elo":
        raise click.UsageError("--tie-margin goes with --scale elo: right and wrong know no ties")
    from router.scoring.artifact import default_artifact_path
    from training.strengths.rates import TIE_MARGIN
    from training.strengths.run import PairPlan, make_pair

    name, version = name_and_version(label)
    plan = PairPlan(
        weak_strength=weak_strength,
        strong_strength=strong_strength,
        scale="elo" if scale == "elo" else "accuracy",
        tie_margin=TIE_MARGIN if tie_margin is None else tie_margin,
        artifact=artifact if artifact is not None else default_artifact_path(),
        out=out if out is not None else MODELS / name / version,
        name=name,
        version=version,
    )
    manifest = make_pair(plan, speaker(wanted=not (quiet or as_json)))
    if as_json:
        print_json({**written(manifest, plan.out), "pair": manifest.extra["pair"]})
