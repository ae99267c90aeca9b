"""``train-router report``: write the documents of an artifact again."""

from __future__ import annotations

from pathlib import Path

import click

from training.commands.shared import TRAIN_PACKAGES, folder_option, require_extra


@click.command("report")
@folder_option("--artifact", required=True, help="Folder of the artifact; the documents are written into it.")
def command(*, artifact: Path) -> None:
    """Write curve.png, report.html and MODEL_CARD.md from an artifact's manifest."""
    require_extra("train", TRAIN_PACKAGES)
    from training.report import write_report

    for path in write_report(artifact):
        click.echo(path)
