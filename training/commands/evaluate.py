"""``train-router evaluate``: RouteLLM's protocol on one benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from training.commands.shared import artifact_option, folder_option, json_option, print_json, quiet_option, speaker

ROUTERS = ("router", "length", "random", "oracle")


@click.command("evaluate")
@click.option("--benchmark", required=True, type=click.Choice(("mt-bench", "mmlu", "gsm8k")), help="Which benchmark.")
@folder_option("--data", required=True, help="Folder with RouteLLM's evaluation tables (.jsonl or .jsonl.gz).")
@artifact_option()
@json_option()
@quiet_option()
def command(*, benchmark: str, data: Path, artifact: Path | None, as_json: bool, quiet: bool) -> None:
    """Measure an artifact: APGR, CPT50 and CPT80 with 95 % intervals, next to length, random and oracle."""
    from router.scoring.scorer import Scorer
    from training.evaluate import Benchmark, report_json
    from training.scoring import score_texts

    speaker(wanted=not (quiet or as_json))
    scorer = Scorer.load(artifact)
    loaded = Benchmark.load(benchmark, data)
    scores, _ = score_texts(scorer, list(loaded.prompts))
    report = report_json(loaded, scores, scorer.version)
    if as_json:
        print_json(report)
    else:
        click.echo(_table(report))


def _table(report: dict[str, Any]) -> str:
    lines = [
        "{benchmark}: {n:,} prompts, weak {weak:.4f}, strong {strong:.4f}, artifact {artifact}".format(**report),
        f"{'':8} {'APGR':>6}  {'95 %':>14}  {'CPT50':>6}  {'CPT80':>6}",
    ]
    for name in ROUTERS:
        row = report[name]
        low, high = row["apgr_ci"]
        lines.append(f"{name:8} {row['apgr']:6.3f}  {low:6.3f}..{high:6.3f}  {row['cpt50']:6.1f}  {row['cpt80']:6.1f}")
    return "\n".join(lines)
