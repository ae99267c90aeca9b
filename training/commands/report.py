"""``train-router report``: write the documents of an artifact again."""

from __future__ import annotations

from pathlib import Path

import click

from training.commands.shared import TRAIN_PACKAGES, require_extra


@click.command("report")
@click.argument("artifact", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the documents.  [default: the artifact's own]",
)
@click.option(
    "--learning-curve",
    "learning_curves",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="What `train-router learning-curve --json` printed, to draw it too. Repeatable.",
)
def command(*, artifact: Path, out: Path | None, learning_curves: tuple[Path, ...]) -> None:
    """Write report.html, its figures as PNG, and MODEL_CARD.md from the manifest of the ARTIFACT folder."""
    require_extra("train", TRAIN_PACKAGES)
    from training.report import write_report

    for path in write_report(artifact, out, learning_curves):
        click.echo(path)
