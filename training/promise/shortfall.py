"""What to tell somebody whose rows do not suffice: what they do support, and about how many it would take."""

from __future__ import annotations

import math

import numpy as np
from msgspec.structs import replace

from router.scoring.curve import Promise
from training.promise.exact import fewest_rows_before
from training.promise.rows import Rows
from training.promise.threshold import promised_threshold, saves
from training.text import percent

STEP = 0.05
"""Lower qualities are tried in steps of this size."""

USED_SLACK = 0.5
"""How many labels it takes is estimated for a threshold that saves this part of (1 - quality) in strong calls."""

DRAWS = 9
"""At each size so many samples are drawn from the rows, with replacement."""

GROWTH = 1.4
MOST_ROWS = 20_000
SEED = 0


def shortfall(rows: Rows, promise: Promise) -> str:
    """A sentence for rows that do not show that any useful threshold keeps ``promise``."""
    if promise.kind == "strong_share":
        return _of_share(rows, promise)
    asked = (
        f"{len(rows):,} labels do not show, at {percent(promise.confidence)} confidence, that anything cheaper than "
        f"always asking the strong model recovers {percent(promise.target)} of the gap."
    )
    supported = _highest_quality(rows, promise)
    if supported is None:
        found = "Nor any lower quality: as far as they show, there is no gap that this classifier finds."
    else:
        found = f"They support a quality of about {supported:.2f} (ask for it with --quality)."
    return f"{asked} {found} {_more(rows, promise)}"


def _of_share(rows: Rows, promise: Promise) -> str:
    needed = fewest_rows_before(promise.target, later=promise.requests, level=1.0 - promise.confidence)
    if len(rows) < needed:
        return (
            f"{len(rows):,} rows cannot show, at {percent(promise.confidence)} confidence, that at most "
            f"{percent(promise.target)} of the calls are strong: even none of them would not. "
            f"Give about {needed:,} rows at the very least, better ten times as many."
        )
    return (
        f"no threshold sends a few of these {len(rows):,} rows to the strong model, and so few that at most "
        f"{percent(promise.target)} of the calls are strong at {percent(promise.confidence)} confidence. Give "
        "more rows, or a higher --strong-share."
    )


def _highest_quality(rows: Rows, promise: Promise) -> float | None:
    """The highest of the lower qualities, 0..1, that these rows show of a threshold that saves anything."""
    for step in range(math.ceil(promise.target / STEP) - 1, 0, -1):
        threshold = promised_threshold(rows, replace(promise, target=round(step * STEP, 2)))
        if threshold is not None and saves(rows.win_rates, threshold):
            return round(step * STEP, 2)
    return None


def _more(rows: Rows, promise: Promise) -> str:
    needed = _rows_needed(rows, promise)
    if needed is None:
        return "More labels alone will not do, as far as these show: take a lower --quality, or refit on your labels."
    return f"If these are typical, it takes about {needed:,} labels to promise it and save anything."


def _rows_needed(rows: Rows, promise: Promise) -> int | None:
    """About how many rows like these mostly show the promise of a threshold that saves; None where too many."""
    rng = np.random.default_rng(SEED)
    size = len(rows)
    while size < MOST_ROWS:
        size = min(math.ceil(size * GROWTH), MOST_ROWS)
        drawn = (rows.part(rng.integers(len(rows), size=size)) for _ in range(DRAWS))
        if sum(_saving(each, promise) for each in drawn) > DRAWS / 2:
            digits = max(len(str(size)) - 2, 0)
            return round(size, -digits)
    return None


def _saving(rows: Rows, promise: Promise) -> bool:
    """Whether rows show the promise of a threshold that uses at least a part of what the promise leaves free."""
    threshold = promised_threshold(rows, promise)
    saved = 0.0 if threshold is None else float((rows.win_rates < threshold).mean())
    return saved >= USED_SLACK * (1.0 - promise.target)
