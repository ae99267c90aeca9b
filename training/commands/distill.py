"""``train-router distill``: a sentence-transformers model in, a static encoder out."""

from __future__ import annotations

from pathlib import Path

import click

from router.errors import DataError
from training.commands.shared import (
    DISTILL_PACKAGES,
    folder_option,
    quiet_option,
    require_extra,
    speaker,
)
from training.plan import Plan


@click.command("distill")
@click.option(
    "--teacher",
    required=True,
    metavar="DIR|HUB_ID",
    help="A sentence-transformers model, such as sentence-transformers/all-MiniLM-L6-v2.",
)
@folder_option("--data", help="Folder of data sets whose prompts the table is fitted to.")
@click.option("--battles", multiple=True, metavar="FILE|HUB_ID", help="More prompts. Repeatable.")
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the encoder; give it to `fit --encoder`.",
)
@click.option("--dim", default=256, show_default=True, help="Columns of the table.")
@folder_option(
    "--test-sets", help="Folder of benchmarks whose prompts are left out.  [default: routellm_evals inside --data]"
)
@quiet_option()
def command(
    *,
    teacher: str,
    data: Path | None,
    battles: tuple[str, ...],
    out: Path,
    dim: int,
    test_sets: Path | None,
    quiet: bool,
) -> None:
    """Distil a sentence-transformers model into a table of token vectors (minutes on two cores, needs torch)."""
    require_extra("distill", DISTILL_PACKAGES)
    if data is None and not battles:
        raise DataError("give prompts to fit the table to: --data DIR or --battles FILE")
    from training.distill import Teacher, distill, distillation_texts
    from training.reading import read_corpus

    say = speaker(wanted=not quiet)
    plan = Plan(data=data, out=out, name="encoder", version="1", battles=battles, classifier="", test_sets=test_sets)
    texts = distillation_texts(read_corpus(plan))
    say(f"distilling {teacher} on {len(texts):,} texts")
    encoder = distill(Teacher.load(teacher), texts, out, dim=dim)
    say(f"wrote {out}: {encoder.vocabulary:,} tokens, {encoder.dim} columns")
