"""A promise in words: what it says, of what, and what it rests on."""

from __future__ import annotations

from router.scoring.curve import OperatingPoint, Promise, PromiseKind
from router.types import WhenUnfamiliar
from training.promise.rows import Form, Rows

ESTIMATE = "this is an estimate, not a promise: your traffic is not the artifact's data. --on FILE makes it a promise."

SAID: dict[PromiseKind, str] = {
    "quality": "at least {} of the gap between weak and strong is recovered",
    "strong_share": "at most {} of the calls go to the strong model",
    "weak_failures": "at most {} of the answers that the weak model gives are rated bad",
}

TRUSTED: dict[Form, str] = {
    "pairs": "both models' grades in it are taken as they stand",
    "weak-only": "only the weak model is graded: the strong one is taken to be right always, so the true quality may "
    "differ where it fails too",
    "prompts": "a share of calls needs no grades",
    "ledger": "it holds the requests that were routed, without pinned ones and those that the cache answered",
}

UNFAMILIAR: dict[WhenUnfamiliar, str] = {
    "strong": "they go to the strong model at any threshold, as the server's `unfamiliar` has it by default",
    "weak": "they go to the weak model at any threshold, where the server's `unfamiliar` is set to it",
    "win-rate": "they go by their win rate, where the server's `unfamiliar` is set to it",
}

UNRATED = "answers that nobody rated are taken to be bad as often as those that somebody did"


def figures(point: OperatingPoint) -> str:
    """The threshold, and what was seen at it."""
    quality = f"quality {point.quality:.3g}"
    if point.promise is None:
        where = f"measured on the artifact's {point.n:,} rows"
    elif point.promise.kind == "weak_failures":
        where = f"{point.n:,} rated answers of the weak model below it"
    else:
        where = f"on these {point.n:,} rows"
    if point.quality_from == "curve" and point.promise is not None:
        quality += " by the artifact's curve"
    return f"threshold {point.threshold} ({where}: strong share {point.strong_share:.3g}, {quality})"


def terms(promise: Promise, rows: Rows, file: str, artifact: str, *, ratings: int | None = None) -> list[str]:
    """What is promised of which traffic, and what it rests on, a line each.

    Args:
        promise: what is kept.
        rows: of the file, as they were scored.
        file: name of the file.
        artifact: what scored them.
        ratings: how many rated answers a promise of ``weak_failures`` was shown by.
    """
    lines = [
        f"promise: {SAID[promise.kind].format(f'{promise.target:.4g}')}, at {promise.confidence:.4g} confidence",
        _span(promise, file),
        _rests_on(rows, file, artifact, ratings),
        TRUSTED[rows.form],
    ]
    if rows.unfamiliar:
        lines.append(f"{rows.unfamiliar:,} rows are unlike all training: {UNFAMILIAR[promise.unfamiliar]}")
    if promise.kind == "weak_failures":
        lines.append(UNRATED)
    if rows.repeated:
        lines.append(
            f"{rows.repeated:,} rows repeat an earlier prompt: right where people ask it again, too sure of itself "
            "where one request was labelled twice"
        )
    return lines


def _span(promise: Promise, file: str) -> str:
    """Of which traffic it speaks."""
    if promise.kind == "weak_failures":
        return f"it speaks of all traffic like {file} taken together; any one stretch of it has luck of its own"
    if promise.requests is not None:
        return f"it speaks of the next {promise.requests:,} requests like {file}, neither of fewer nor of more"
    return f"it speaks of all traffic like {file}, and of stretches as long; a shorter one has luck of its own"


def _rests_on(rows: Rows, file: str, artifact: str, ratings: int | None) -> str:
    left_out = "".join(f"; {count:,} left out ({reason})" for reason, count in rows.left_out.items())
    what = f"{len(rows):,} rows of {file}"
    if ratings is not None:
        what = f"{ratings:,} rated answers below the threshold, among {what}"
    return f"it rests on {what}{left_out}, scored by {artifact}, as independent draws from it"
