"""``train-router classifiers``: which kind of classifier ranks unseen prompts best, by the training sources alone."""

from __future__ import annotations

from pathlib import Path

import click

from training.commands.fit import CLASSIFIERS, SAMPLE
from training.commands.shared import (
    TRAIN_PACKAGES,
    folder_option,
    json_option,
    print_json,
    quiet_option,
    require_extra,
    seed_option,
    speaker,
)
from training.plan import Plan

CLEAR_CUT = (SAMPLE / "tryout.jsonl", SAMPLE / "languages.jsonl")


@click.command("classifiers")
@folder_option("--data", required=True, help="Folder of data sets.")
@click.option(
    "--classifier",
    "kinds",
    type=click.Choice(CLASSIFIERS),
    multiple=True,
    default=CLASSIFIERS,
    help="Kinds to compare. Repeatable.  [default: all]",
)
@click.option(
    "--clear-cut",
    "clear_cut_files",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    metavar="FILE",
    help="Prompts that are easy or hard at a glance: JSONL of prompt and expected (weak or strong). Repeatable.  "
    "[default: tryout.jsonl and languages.jsonl of data/sample]",
)
@folder_option("--encoder", help="Folder of a static encoder.  [default: that of the shipped artifact]")
@seed_option("Fixes whatever is drawn.")
@json_option()
@quiet_option()
def command(
    *,
    data: Path,
    kinds: tuple[str, ...],
    clear_cut_files: tuple[Path, ...],
    encoder: Path | None,
    seed: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Compare classifiers, a random order and the prompt's length in one table; reads no benchmark.

    Each is fitted some thirty times, on all but one exam or on four fifths of the labels, and measured on the rest.
    """
    require_extra("train", TRAIN_PACKAGES)
    from training.encoders import encoder_folder, load_encoder
    from training.selection.clear_cut import read_clear_cut
    from training.selection.run import compare
    from training.selection.table import table

    say = speaker(wanted=not (quiet or as_json))
    plan = Plan(data=data, out=Path(), name="comparison", version="1", classifier="", seed=seed)
    clear_cut = read_clear_cut(clear_cut_files or [path for path in CLEAR_CUT if path.is_file()])
    results = compare(kinds, plan, load_encoder(encoder_folder(encoder)), clear_cut, say)
    if as_json:
        print_json(results)
    else:
        click.echo("\n".join(table(results)))
