"""``train-router label``: labels for one's own prompts, by asking one's own models."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from training.commands.shared import Say, quiet_option, speaker

if TYPE_CHECKING:
    from training.label.ask import Endpoint
    from training.label.estimate import Estimate
    from training.label.grade import Grader
    from training.label.run import Summary

GRADERS = ("auto", "exact", "number", "choice", "regex", "contains")
INTERRUPTED = 130
"""The exit status of a program that was ended by Ctrl-C."""

EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("label")
@click.argument("prompts", type=EXISTING_FILE)
@click.option("--weak", required=True, metavar="URL", help="Base URL of the weak model, with its /v1.")
@click.option("--strong", metavar="URL", help="Base URL of the strong model.")
@click.option(
    "--judge", metavar="URL", help="Base URL of the model that compares answers to prompts without a reference."
)
@click.option("--weak-model", metavar="ID", help="Model to ask for.  [default: the first that the server lists]")
@click.option("--strong-model", metavar="ID", help="Likewise.")
@click.option("--judge-model", metavar="ID", help="Likewise.")
@click.option("--answers", type=EXISTING_FILE, help="Table with `answer` or `answer_regex` by `id` or `prompt`.")
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="File for the labels (JSONL)."
)
@click.option(
    "--grader", type=click.Choice(GRADERS), default="auto", show_default=True, help="How answers meet references."
)
@click.option("--concurrency", type=click.IntRange(1, 256), default=8, show_default=True, help="Prompts at a time.")
@click.option("--max-tokens", type=click.IntRange(1), default=1024, show_default=True, help="Longest answer.")
@click.option(
    "--timeout", type=click.FloatRange(0.1), default=180.0, show_default=True, help="Seconds that an answer may take."
)
@click.option("--retries", type=click.IntRange(0, 20), default=6, show_default=True, help="Tries after the first one.")
@click.option("--limit", type=click.IntRange(1), help="Label only the first so many prompts.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask before spending money.")
@quiet_option()
def command(
    *,
    prompts: Path,
    weak: str,
    strong: str | None,
    judge: str | None,
    weak_model: str | None,
    strong_model: str | None,
    judge_model: str | None,
    answers: Path | None,
    out: Path,
    grader: str,
    concurrency: int,
    max_tokens: int,
    timeout: float,
    retries: int,
    limit: int | None,
    yes: bool,
    quiet: bool,
) -> None:
    """Label PROMPTS: ask the models, then grade their answers or have them judged.

    PROMPTS is JSON lines or CSV with `prompt` (and `id`, `answer`, `answer_regex` where you have them), or text with
    one prompt per line. A prompt with an answer is graded; one without is judged twice with the answers' places
    swapped, which needs --strong and --judge. Keys come from UNDERDOG_WEAK_API_KEY, UNDERDOG_STRONG_API_KEY and
    UNDERDOG_JUDGE_API_KEY.

    Answers are kept in OUT.journal as they come: after a stop of any kind, the same command goes on from there. Ends
    with status 1 where a prompt got no answer.
    """
    if judge is not None and strong is None:
        raise click.UsageError("--judge compares two answers: give --strong too")
    from training.label.ask import Patience
    from training.label.journal import journal_path
    from training.label.run import Wishes, label_prompts

    say = speaker(wanted=not quiet)
    wishes = Wishes(
        prompts=prompts,
        out=out,
        endpoints=_endpoints(
            {"weak": (weak, weak_model), "strong": (strong, strong_model), "judge": (judge, judge_model)}
        ),
        answers=answers,
        grader=None if grader == "auto" else cast("Grader", grader),
        concurrency=concurrency,
        max_tokens=max_tokens,
        limit=limit,
        patience=Patience(timeout_s=timeout, retries=retries),
    )
    try:
        summary = label_prompts(wishes, confirm=lambda estimate: _confirmed(estimate, say, yes=yes), say=say)
    except KeyboardInterrupt:
        click.echo(f"stopped; answers so far are in {journal_path(out)}: the same command goes on from there", err=True)
        raise SystemExit(INTERRUPTED) from None
    if summary is None:
        raise click.Abort
    _report(summary, out, say)


def _endpoints(given: dict[str, tuple[str | None, str | None]]) -> dict[str, Endpoint]:
    from training.label.ask import endpoint

    return {role: endpoint(role, url, model) for role, (url, model) in given.items() if url is not None}


def _confirmed(estimate: Estimate, say: Say, *, yes: bool) -> bool:
    say(str(estimate))
    if yes or estimate.free or not sys.stdin.isatty():
        return True
    return click.confirm("Go on?", err=True)


def _report(summary: Summary, out: Path, say: Say) -> None:
    say(f"wrote {summary.rows:,} labels to {out}")
    for outcome, count in summary.outcomes.items():
        say(f"  {count:6,}  {outcome}")
    for reason, count in summary.without_label.items():
        say(f"  {count:6,}  without a label: {reason}")
    if summary.cut_off:
        say(f"  {summary.cut_off:,} rows have an answer that --max-tokens cut off (`cut_off`)")
    if summary.tally.unreadable_verdicts:
        say(f"  {summary.tally.unreadable_verdicts:,} verdicts could not be read; each was asked for once more")
    say(
        f"asked for {summary.tally.answers:,} answers ({summary.retried:,} retries), cost {summary.tally.spent}; "
        f"all labels in the file together {summary.total}"
    )
    if summary.to_ask_again:
        raise click.ClickException(
            f"{summary.to_ask_again:,} prompts got no answer; run the same command again to ask only those"
        )
