"""``train-router verifier``: which verifier of the semantic cache serves most rewordings, and how few traps."""

from __future__ import annotations

from pathlib import Path

import click

from training.commands.shared import (
    DISTILL_PACKAGES,
    TRAIN_PACKAGES,
    folder_option,
    json_option,
    print_json,
    quiet_option,
    require_extra,
    seed_option,
    speaker,
)

OWN_PAIRS = Path(__file__).resolve().parents[2] / "data" / "cache"


@click.command("verifier")
@folder_option(
    "--data", required=True, help="Folder of data sets; Quora's pairs are read from its qqp, where it has one."
)
@folder_option("--pairs", "own", default=OWN_PAIRS, help="Folder of our pairs.  [default: data/cache]")
@folder_option("--encoder", help="Folder of a static encoder.  [default: that of the shipped artifact]")
@folder_option(
    "--teacher",
    help="Folder of a sentence encoder (all-MiniLM-L6-v2): adds what is made from one, and takes an hour.",
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for what the pair encoder says, so that a run that was cut off goes on where it was.",
)
@click.option(
    "--folds", "count", type=click.IntRange(2), default=4, show_default=True, help="Parts to hold out in turn."
)
@click.option("--quora", type=click.IntRange(0), default=20_000, show_default=True, help="How many of Quora's pairs.")
@seed_option("Fixes whatever is drawn.")
@json_option()
@quiet_option()
def command(
    *,
    data: Path,
    own: Path,
    encoder: Path | None,
    teacher: Path | None,
    keep: Path | None,
    count: int,
    quora: int,
    seed: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Compare verifiers on requests, and kinds of traps, that their fit did not know; writes no artifact.

    Each is fitted once for every fold, without the fold's groups of pairs and without its families of traps.
    """
    if teacher is None:
        require_extra("train", TRAIN_PACKAGES)
    else:
        require_extra("distill", DISTILL_PACKAGES)
    from training.encoders import encoder_folder
    from training.pairs.run import Comparison, compare_verifiers
    from training.pairs.table import table

    plan = Comparison(
        own=own,
        data=data,
        encoder=encoder_folder(encoder),
        teacher=teacher,
        keep=keep,
        folds=count,
        quora=quora,
        seed=seed,
    )
    rows = compare_verifiers(plan, speaker(wanted=not (quiet or as_json)))
    if as_json:
        print_json(rows)
    else:
        click.echo("\n".join(table(rows)))
