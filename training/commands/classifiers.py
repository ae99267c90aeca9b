"""``train-router classifiers``: which kind of classifier ranks unseen prompts best, by the training sources alone."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from training.commands.fit import CLASSIFIERS
from training.commands.shared import (
    TRAIN_PACKAGES,
    folder_option,
    json_option,
    print_json,
    quiet_option,
    require_extra,
    speaker,
)
from training.plan import Plan


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
@folder_option("--encoder", help="Folder of a static encoder.  [default: that of the shipped artifact]")
@click.option("--seed", default=0, show_default=True, help="Fixes whatever is drawn.")
@json_option()
@quiet_option()
def command(*, data: Path, kinds: tuple[str, ...], encoder: Path | None, seed: int, as_json: bool, quiet: bool) -> None:
    """Compare classifiers by leaving out one exam source, or a tenth of the votes, at a time; reads no benchmark."""
    require_extra("train", TRAIN_PACKAGES)
    from router.scoring.inputs import Inputs
    from training.encoders import encoder_folder, load_encoder
    from training.fit import fit_classifier
    from training.labels import label
    from training.pipeline import raw_rows
    from training.reading import read_corpus, without_tests
    from training.selection import compare

    say = speaker(wanted=not (quiet or as_json))
    plan = Plan(data=data, out=Path(), name="comparison", version="1", classifier="", seed=seed)
    static = load_encoder(encoder_folder(encoder))
    labelled = label(without_tests(read_corpus(plan), plan, static))
    raw = raw_rows(Inputs(static), [row.prompt for row in labelled])
    results = []
    for kind in kinds:
        fit = partial(fit_classifier, kind, dim=static.dim, seed=seed)
        results.append(compare(kind, fit, labelled, raw, static.dim))
        last = results[-1]
        say(f"{kind:10} exams {last.exam:+.3f}  votes {last.chat:+.3f} (AUC {last.chat_auc:.3f})")
    if as_json:
        print_json(results)
