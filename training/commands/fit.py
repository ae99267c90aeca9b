"""``train-router fit``: one training run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from training.commands.shared import (
    DASK_PACKAGES,
    DISTILL_PACKAGES,
    TRAIN_PACKAGES,
    Say,
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

if TYPE_CHECKING:
    from training.workplace import Workplace

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
@click.option(
    "--dask",
    metavar="ADDRESS",
    help="Encode prompts and grow trees on the workers of the Dask scheduler at ADDRESS (tcp://HOST:PORT, HOST:PORT, "
    "tls://HOST:PORT), or in N processes here (local:N). A cluster is trusted: see docs/dask.md.",
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
    dask: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Fit a classifier and write an artifact: weights, calibration, cost-quality curve, model card and report."""
    require_extra(*(("train", TRAIN_PACKAGES) if teacher is None else ("distill", DISTILL_PACKAGES)))
    if dask is not None:
        require_extra("dask", DASK_PACKAGES)
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
        dask=dask,
    )
    from training.pipeline import train

    say = speaker(wanted=not (quiet or as_json))
    with _workplace(plan, say) as workplace:
        manifest = train(plan, say, workplace)
    if as_json:
        print_json(written(manifest, plan.out))


@contextmanager
def _workplace(plan: Plan, say: Say) -> Iterator[Workplace]:
    """This process, or the cluster that the plan names, for as long as the run takes."""
    if plan.dask is None:
        from training.workplace import Here

        yield Here()
        return
    from training.cluster.connect import cluster
    from training.fit import CLASSIFIERS as RECIPES

    with cluster(plan.dask, say) as workplace:
        here = [recipe.name for recipe in RECIPES[plan.classifier] if not recipe.trees]
        if here:
            say(f"not trees, so fitted in this process: {', '.join(here)}")
        yield workplace


def _sample_unless(named: tuple[str, ...]) -> Path | None:
    """The sample data, where nothing else was named."""
    if named:
        return None
    if not SAMPLE.is_dir():
        raise click.UsageError("nothing to train on: give --data DIR or --battles FILE (data/sample is not here)")
    return SAMPLE
