"""``train-router fit``: one training run."""

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
    written,
)
from training.plan import Plan, name_and_version

CLASSIFIERS = ("ridge", "lightgbm", "knn", "mlp", "blend")
SAMPLE = Path("data/sample")
MODELS = Path("models")


@click.command("fit")
@folder_option(
    "--data",
    help="Folder of data sets, laid out as data/README.md says.  [default: data/sample, where no files are given]",
)
@click.option(
    "--battles",
    multiple=True,
    metavar="FILE|HUB_ID",
    help="Votes: CSV, Parquet, JSON, JSONL, or a data set of the hub. Repeatable.",
)
@click.option("--judged", multiple=True, metavar="FILE", help="Preferences of an LLM judge. Repeatable.")
@click.option("--graded", multiple=True, metavar="FILE", help="Right/wrong tables. Repeatable.")
@folder_option("--encoder", help="Folder of a static encoder.  [default: that of the shipped artifact]")
@click.option(
    "--distill",
    "teacher",
    metavar="TEACHER",
    help="First distil an encoder from this sentence-transformers model (folder or hub id).",
)
@click.option(
    "--classifier", type=click.Choice(CLASSIFIERS), default="ridge", show_default=True, help="Kind of classifier."
)
@click.option(
    "--name",
    "label",
    default="custom",
    show_default=True,
    metavar="NAME[/VERSION]",
    help="What the artifact is called.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the artifact.  [default: models/NAME/VERSION]",
)
@seed_option("Fixes the split into slices and whatever is drawn.")
@click.option(
    "--commercial-only/--all-licences",
    default=True,
    show_default=True,
    help="Whether to leave out sources whose licence bars commercial use.",
)
@folder_option(
    "--test-sets",
    help="Folder of benchmarks, whose prompts are kept out of training.  [default: routellm_evals inside --data]",
)
@click.option(
    "--evaluate",
    is_flag=True,
    help="Measure on the benchmarks at the end; without it only their prompts are read.",
)
@json_option()
@quiet_option()
def command(
    *,
    data: Path | None,
    battles: tuple[str, ...],
    judged: tuple[str, ...],
    graded: tuple[str, ...],
    encoder: Path | None,
    teacher: str | None,
    classifier: str,
    label: str,
    out: Path | None,
    seed: int,
    commercial_only: bool,
    test_sets: Path | None,
    evaluate: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Fit a classifier and write an artifact: weights, calibration, cost-quality curve, model card and report."""
    if teacher is None:
        require_extra("train", TRAIN_PACKAGES)
    else:
        require_extra("distill", DISTILL_PACKAGES)
    if encoder is not None and teacher is not None:
        raise click.UsageError("--encoder and --distill exclude each other: take an encoder, or make one")
    name, version = name_and_version(label)
    plan = Plan(
        data=data if data is not None else _sample_unless(battles + judged + graded),
        out=out if out is not None else MODELS / name / version,
        name=name,
        version=version,
        battles=battles,
        judged=judged,
        graded=graded,
        encoder=encoder,
        teacher=teacher,
        classifier=classifier,
        seed=seed,
        commercial_only=commercial_only,
        test_sets=test_sets,
        evaluate=evaluate,
    )
    from training.pipeline import train

    manifest = train(plan, speaker(wanted=not (quiet or as_json)))
    if as_json:
        print_json(written(manifest, plan.out))


def _sample_unless(named: tuple[str, ...]) -> Path | None:
    """The sample data, where nothing else was named."""
    if named:
        return None
    if not SAMPLE.is_dir():
        raise click.UsageError("nothing to train on: give --data DIR or --battles FILE (data/sample is not here)")
    return SAMPLE
