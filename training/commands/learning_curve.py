"""``train-router learning-curve``: what refitting gains, with parts of a benchmark as somebody's own traffic."""

from __future__ import annotations

from pathlib import Path

import click

from training.commands.shared import (
    TRAIN_PACKAGES,
    artifact_option,
    folder_option,
    json_option,
    print_json,
    quiet_option,
    require_extra,
    seed_option,
    speaker,
)

BENCHMARKS = ("mmlu", "gsm8k")
SIZES = "0,50,200,500,1500,4000"


def _sizes(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:
    try:
        sizes = tuple(int(size) for size in value.split(","))
    except ValueError:
        sizes = (-1,)
    if min(sizes) < 0:
        raise click.BadParameter("numbers of labels, parted by commas, are due")
    return sizes


@click.command("learning-curve")
@click.option("--benchmark", "name", type=click.Choice(BENCHMARKS), required=True, help="Whose rows to take.")
@folder_option("--data", required=True, help="Folder of the benchmarks.")
@artifact_option()
@click.option("--sizes", default=SIZES, show_default=True, callback=_sizes, help="Numbers of labels.")
@click.option("--folds", type=click.IntRange(min=2), help="Measure by so many folds instead of --sizes.")
@click.option("--weak-only", is_flag=True, help="Label with the weak model's grades alone.")
@click.option(
    "--table",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Weak-only labels from this right/wrong table of other models, on questions of the benchmark.",
)
@click.option("--without", multiple=True, metavar="MODEL", help="A model of the table to leave out. Repeatable.")
@click.option("--repeats", default=5, show_default=True, type=click.IntRange(min=1), help="Random draws.")
@seed_option("Of the first draw.")
@json_option()
@quiet_option()
def command(
    *,
    name: str,
    data: Path,
    artifact: Path | None,
    sizes: tuple[int, ...],
    folds: int | None,
    weak_only: bool,
    table: Path | None,
    without: tuple[str, ...],
    repeats: int,
    seed: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Refit on random rows of a benchmark and measure on the others. In-domain figures, not zero-shot ones."""
    require_extra("train", TRAIN_PACKAGES)
    if folds is not None and table is not None:
        raise click.UsageError("--folds and --table exclude each other: a table's rows are not the benchmark's")
    from router.scoring.artifact import default_artifact_path, load_artifact
    from training.encoding import raw_rows
    from training.evaluate import Benchmark
    from training.refit.learning_curve import folded, learning_curve, traffic_of, traffic_of_table

    say = speaker(wanted=not (quiet or as_json))
    loaded = load_artifact(artifact if artifact is not None else default_artifact_path())
    prior, manifest = loaded.chain, loaded.manifest
    benchmark = Benchmark.load(name, data)
    raw = raw_rows(prior.inputs, benchmark.prompts)
    if table is not None:
        traffic = traffic_of_table(table, prior, without=without)
    else:
        traffic = traffic_of(benchmark, raw, weak_only=weak_only)
    if folds is not None:
        steps = iter([folded(prior, benchmark, traffic, folds=folds, repeats=repeats, seed=seed)])
    else:
        steps = learning_curve(prior, benchmark, raw, traffic, sizes, repeats=repeats, seed=seed)
    measured = []
    for step in steps:
        measured.append(step)
        say(
            f"{step.labels:5} labels: APGR {step.apgr:.3f} (se {step.apgr_se:.3f}), over the prior "
            f"{step.over_prior:+.3f} (se {step.over_prior_se:.3f}, worst {step.worst:+.3f}), "
            f"corrected in {step.corrected} of {step.repeats * (folds or 1)} fits"
        )
    if as_json:
        labels = _labels(table, weak_only=weak_only)
        print_json({"benchmark": name, "artifact": manifest.label, "labels": labels, "steps": measured})


def _labels(table: Path | None, *, weak_only: bool) -> str:
    """What was labelled, in words."""
    if table is not None:
        return f"table {table.name}"
    return "weak-only" if weak_only else "pairs"
