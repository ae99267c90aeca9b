"""``train-router score``: score a file of prompts in batch."""

from __future__ import annotations

from pathlib import Path

import click

from training.commands.shared import artifact_option, quiet_option, speaker

SHOWN = 20


@click.command("score")
@click.argument("prompts", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="File for the scored rows (JSONL)."
)
@artifact_option()
@quiet_option()
def command(*, prompts: Path, out: Path, artifact: Path | None, quiet: bool) -> None:
    """Score PROMPTS (JSONL, rows with `prompt`): adds `score` and `win_rate`, keeps everything else.

    Ends with status 1 where rows had to be left out; they are named by their line.
    """
    from router.scoring.scorer import Scorer
    from training.scoring import score_file

    say = speaker(wanted=not quiet)
    scorer = Scorer.load(artifact)
    result = score_file(scorer, prompts, out)
    say(f"scored {result.scored:,} rows with {scorer.version}, wrote {out}")
    if result.bad:
        shown = "\n".join(f"  {prompts}:{entry}" for entry in result.bad[:SHOWN])
        more = f"\n  and {len(result.bad) - SHOWN:,} more" if len(result.bad) > SHOWN else ""
        raise click.ClickException(f"{len(result.bad):,} rows were left out:\n{shown}{more}")
