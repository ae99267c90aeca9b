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
    from router.scoring.curve import OperatingPoint, Promise, PromiseKind
    from router.scoring.scorer import Scorer
    from router.types import WhenUnfamiliar

SHARE = click.FloatRange(0.0, 1.0)
CONFIDENCE = click.FloatRange(0.5, 1.0, min_open=True, max_open=True)


def _plain_name(_context: click.Context, _parameter: click.Parameter, name: str | None) -> str | None:
    from router.scoring.manifest import PLAIN_NAME, PLAIN_NAME_RULE

    if name is not None and not PLAIN_NAME.fullmatch(name):
        raise click.BadParameter(f"{name[:100]!r} is no plain name ({PLAIN_NAME_RULE}).")
    return name


@click.command("tune-threshold")
@click.option(
    "--quality", type=SHARE, help="Recover at least this share of the gap between weak and strong model, 0..1."
)
@click.option("--strong-share", type=SHARE, help="Send at most this share of requests to the strong model, 0..1.")
@click.option(
    "--weak-failures",
    type=SHARE,
    help="Of the weak model's answers, at most this share is rated bad, 0..1; needs --on an export with feedback.",
)
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
    help="With --strong-share and --on: promise it of so many requests to come.  [default: as many as the rows]",
)
@click.option(
    "--unfamiliar",
    type=click.Choice(["strong", "weak", "win-rate"]),
    default="strong",
    show_default=True,
    help="Where the server sends prompts unlike all training: its setting of that name. A promise holds for one.",
)
@click.option(
    "--store",
    "name",
    metavar="NAME",
    callback=_plain_name,
    help="Keep the threshold in the artifact under this name, and in its documents (needs --artifact).",
)
@artifact_option()
@json_option()
@quiet_option()
def command(
    *,
    quality: float | None,
    strong_share: float | None,
    weak_failures: float | None,
    file: Path | None,
    confidence: float,
    requests: int | None,
    unfamiliar: WhenUnfamiliar,
    name: str | None,
    artifact: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Find the cheapest threshold for a target quality, share of strong calls or share of bad weak answers.

    With --on it is a promise: whatever the traffic, of a hundred files drawn from it at most five (at 0.95) lead to a
    threshold that breaks it. Where the rows do not suffice for that it says so, exits with 1 and stores nothing.
    Without --on it is an estimate.
    """
    given: dict[PromiseKind, float | None] = {
        "quality": quality,
        "strong_share": strong_share,
        "weak_failures": weak_failures,
    }
    targets = [(kind, target) for kind, target in given.items() if target is not None]
    if len(targets) != 1:
        raise click.UsageError("give exactly one of --quality, --strong-share and --weak-failures")
    if weak_failures is not None and file is None:
        raise click.UsageError("--weak-failures needs --on: only your own traffic has ratings")
    if requests is not None and (strong_share is None or file is None):
        raise click.UsageError("--requests needs --strong-share and --on: the others are promised of all such traffic")
    if name is not None and artifact is None:
        raise click.UsageError("--store needs --artifact: the shipped artifact stays as it is")
    if file is not None or name is not None:
        require_extra("train", TRAIN_PACKAGES)
    from router.scoring.curve import Promise
    from router.scoring.scorer import Scorer
    from training.promise.terms import ESTIMATE, figures
    from training.tuning import check_storable, estimated, store

    if name is not None:
        check_storable(name)
    speaker(wanted=not (quiet or as_json))
    scorer = Scorer.load(artifact)
    ((kind, target),) = targets
    if file is None:
        point, lines = estimated(scorer, kind, target), [ESTIMATE]
    else:
        promise = Promise(kind=kind, target=target, confidence=confidence, requests=requests, unfamiliar=unfamiliar)
        point, lines = _promised(scorer, file, promise)
    if name is not None and artifact is not None:
        store(artifact, name, point)
    if as_json:
        print_json({**asdict(point), "terms": lines})
    else:
        click.echo("\n".join([figures(point), *lines]))


def _promised(scorer: Scorer, file: Path, promise: Promise) -> tuple[OperatingPoint, list[str]]:
    """The promised point, and its terms in words."""
    from training.promise import read_promise_rows, read_ratings
    from training.promise.terms import terms
    from training.tuning import promised, promised_by_ratings

    today = datetime.now(UTC).date().isoformat()
    if promise.kind == "weak_failures":
        ratings = read_ratings(file, scorer, when_unfamiliar=promise.unfamiliar)
        point = promised_by_ratings(scorer, ratings, promise, file=file.name, date=today)
        return point, terms(promise, ratings.routed, file.name, scorer.version, ratings=point.n)
    graded = promise.kind == "quality"
    rows = read_promise_rows(file, scorer, graded=graded, when_unfamiliar=promise.unfamiliar)
    point = promised(scorer, rows, promise, file=file.name, date=today)
    return point, terms(promise, rows, file.name, scorer.version)
