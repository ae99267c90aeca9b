"""``train-router tune-threshold``: a target in, a threshold out, promised where rows of one's own allow it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec.structs import asdict

from training.commands.shared import (
    TRAIN_PACKAGES,
    artifact_option,
    json_option,
    print_json,
    quiet_option,
    require_extra,
    speaker,
)

if TYPE_CHECKING:
    from router.scoring.curve import OperatingPoint, Promise
    from training.promise import Rows

SHARE = click.FloatRange(0.0, 1.0)
CONFIDENCE = click.FloatRange(0.5, 1.0, min_open=True, max_open=True)


@click.command("tune-threshold")
@click.option(
    "--quality", type=SHARE, help="Recover at least this share of the gap between weak and strong model, 0..1."
)
@click.option("--strong-share", type=SHARE, help="Send at most this share of requests to the strong model, 0..1.")
@click.option(
    "--on",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Rows drawn at random from the traffic that the promise is to hold for: labels as `refit` reads them or, for "
    "--strong-share, prompts alone or an export of the ledger.  [default: the artifact's curve, an estimate]",
)
@click.option(
    "--confidence", type=CONFIDENCE, default=0.95, show_default=True, help="How sure the promise is to be, with --on."
)
@click.option(
    "--requests",
    type=click.IntRange(min=1),
    help="With --strong-share and --on: promise it of so many requests to come, instead of all such traffic.",
)
@click.option(
    "--store", "name", metavar="NAME", help="Keep the threshold in the artifact under this name (needs --artifact)."
)
@artifact_option()
@json_option()
@quiet_option()
def command(
    *,
    quality: float | None,
    strong_share: float | None,
    file: Path | None,
    confidence: float,
    requests: int | None,
    name: str | None,
    artifact: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Find the cheapest threshold for a target quality or share of strong calls.

    With --on it is a promise: whatever the traffic, of a hundred files drawn from it at most five (at 0.95) lead to a
    threshold that breaks it. Where the rows do not suffice for that it says so, exits with 1 and stores nothing.
    Without --on it is an estimate.
    """
    if (quality is None) == (strong_share is None):
        raise click.UsageError("give exactly one of --quality and --strong-share")
    if requests is not None and (strong_share is None or file is None):
        raise click.UsageError("--requests needs --strong-share and --on: a quality is promised of all such traffic")
    if name is not None and artifact is None:
        raise click.UsageError("--store needs --artifact: the shipped artifact stays as it is")
    if file is not None:
        require_extra("train", TRAIN_PACKAGES)
    from router.scoring.curve import Promise
    from router.scoring.scorer import Scorer
    from training.promise import read_promise_rows
    from training.tuning import estimated, promised, store

    speaker(wanted=not (quiet or as_json))
    scorer = Scorer.load(artifact)
    promise = (
        Promise(kind="strong_share", target=strong_share, confidence=confidence, requests=requests)
        if strong_share is not None
        else Promise(kind="quality", target=quality or 0.0, confidence=confidence)
    )
    if file is None:
        point = estimated(scorer, promise.kind, promise.target)
        lines = [_figures(point, "measured on the artifact's"), ESTIMATE]
    else:
        rows = read_promise_rows(file, scorer, graded=quality is not None)
        today = datetime.now(UTC).date().isoformat()
        point = promised(scorer, rows, promise, file=file.name, date=today)
        lines = [_figures(point, "on these"), *_terms(promise, rows, file.name, scorer.version)]
    if name is not None and artifact is not None:
        store(artifact, name, point)
    if as_json:
        print_json(asdict(point))
    else:
        click.echo("\n".join(lines))


ESTIMATE = "this is an estimate, not a promise: your traffic is not the artifact's data. --on FILE makes it a promise."

TRUSTED = {
    "pairs": "both models' grades in it are taken as they stand",
    "weak-only": "only the weak model is graded: the strong one is taken to be right always, so the true quality may "
    "differ where it fails too",
    "prompts": "a share of calls needs no grades",
    "ledger": "it holds the requests that were routed, without pinned ones and those that the cache answered",
}


def _figures(point: OperatingPoint, where: str) -> str:
    """The threshold, and what was seen at it."""
    quality = f"quality {point.quality:.3g}"
    if point.quality_from == "curve" and point.promise is not None:
        quality += " by the artifact's curve"
    return f"threshold {point.threshold} ({where} {point.n:,} rows: strong share {point.strong_share:.3g}, {quality})"


def _terms(promise: Promise, rows: Rows, file: str, artifact: str) -> list[str]:
    """The promise in words, and what it rests on."""
    what = (
        f"at least {promise.target:.4g} of the gap between weak and strong is recovered"
        if promise.kind == "quality"
        else f"at most {promise.target:.4g} of the calls go to the strong model"
    )
    if promise.requests is None:
        span = f"it speaks of all traffic like {file}, not of each hour: a short stretch has luck of its own"
    else:
        span = f"it speaks of the next {promise.requests:,} requests like {file}, neither of fewer nor of more"
    left_out = "".join(f"; {count:,} left out ({reason})" for reason, count in rows.left_out.items())
    terms = [
        f"promise: {what}, at {promise.confidence:.4g} confidence",
        span,
        f"it rests on {len(rows):,} rows of {file}{left_out}, scored by {artifact}, as independent draws from it",
        TRUSTED[rows.form],
    ]
    if rows.repeated:
        terms.append(
            f"{rows.repeated:,} rows repeat an earlier prompt: right where people ask it again, too sure of itself "
            "where one request was labelled twice"
        )
    return terms
