"""``train-router compare``: two artifacts on the same prompts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec.structs import asdict

from training.commands.shared import folder_option, json_option, print_json, quiet_option, speaker

if TYPE_CHECKING:
    from training.evaluate.comparison import Comparison, MetricDifference

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

METRIC_NAMES = {"apgr": "APGR", "cpt50": "CPT50", "cpt80": "CPT80"}


@click.command("compare")
@click.argument("a", type=FOLDER)
@click.argument("b", type=FOLDER)
@folder_option("--on", help="Folder with RouteLLM's evaluation tables, or some of them.")
@click.option("--labels", type=FILE, help="Labels of your own, in any form that `train-router refit` reads.")
@json_option()
@quiet_option()
def command(*, a: Path, b: Path, on: Path | None, labels: Path | None, as_json: bool, quiet: bool) -> None:
    """Say whether artifact B is better than artifact A, and whether the prompts suffice to tell.

    Both are read on the same 2,000 resamples of the prompts (paired bootstrap). Nothing is compared on by default: name
    the benchmarks (--on) or the labels (--labels). Labels that an artifact was fitted on flatter it.
    """
    if (on is None) == (labels is None):
        raise click.UsageError(
            "give exactly one of --on FOLDER and --labels FILE: prompts to compare on are never assumed"
        )
    from router.scoring.scorer import Scorer
    from training.comparing import benchmark_of_labels, benchmarks_in, comparisons, was_fitted_on

    say = speaker(wanted=not (quiet or as_json))
    first, second = Scorer.load(a), Scorer.load(b)
    benchmarks = benchmarks_in(on) if on is not None else []
    fitted = []
    if labels is not None:
        benchmarks = [benchmark_of_labels(labels)]
        fitted = [name for name, scorer in (("a", first), ("b", second)) if was_fitted_on(scorer.manifest, labels)]
    names = [first.version, second.version]
    found = list(comparisons(first, second, benchmarks))
    if as_json:
        rows = [{**asdict(row), "metrics": [_with_verdict(metric) for metric in row.metrics]} for row in found]
        print_json({"a": names[0], "b": names[1], "fitted_on_these_labels": fitted, "comparisons": rows})
        return
    for name in fitted:
        say(f"careful: {name.upper()} was fitted on these very labels, which flatters it; compare on others")
    for row in found:
        click.echo(_table(row, names))


def _with_verdict(metric: MetricDifference) -> dict[str, object]:
    return {**asdict(metric), "better": metric.shows}


def _table(found: Comparison, names: list[str]) -> str:
    lines = [
        f"{found.benchmark}: {found.n:,} prompts, A = {names[0]}, B = {names[1]}",
        f"{'':6} {'A':>7} {'B':>7} {'B - A':>8}  {'95 % interval':>18}  {'B better in':>11}",
    ]
    lines += [f"{_figures(metric)}  {_verdict(metric, found)}" for metric in found.metrics]
    return "\n".join(lines) + "\n"


def _figures(metric: MetricDifference) -> str:
    digits = 3 if metric.metric == "apgr" else 1
    low, high = (f"{bound:+.{digits}f}" for bound in metric.interval)
    return (
        f"{METRIC_NAMES[metric.metric]:6} {metric.a:7.{digits}f} {metric.b:7.{digits}f} "
        f"{metric.difference:+8.{digits}f}  {low + ' to ' + high:>18}  {metric.share_b_better:11.1%}"
    )


def _verdict(metric: MetricDifference, found: Comparison) -> str:
    if found.same_order:
        return "they rank these prompts alike"
    if metric.shows is None:
        return f"no difference that these {found.n:,} prompts can show"
    return f"{metric.shows.upper()} is better"
