"""How often a promise is broken: a table stands in for traffic, part of it is labelled, the rest comes later."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from router.scoring.curve import Promise
from training.promise import Rows, promised_threshold, saves


class Tally(Struct, frozen=True, kw_only=True):
    """What ``splits`` random splits of a table into n labelled rows and the rest came to.

    ``none``: splits whose rows did not suffice for anything but the threshold that keeps the promise by definition.
    ``broken``: against the whole table; ``broken_later``: on the rest alone; ``broken_drawn``: against the whole table,
    where the n rows are drawn from it with replacement, as from endless traffic (without, they are part of what they
    are judged by). ``share``: mean strong share over the whole table; ``best_share``: that of the cheapest threshold
    that keeps the promise on it. The plug-in threshold is the cheapest that keeps it on the labelled rows themselves.
    """

    splits: int
    none: int
    broken: int
    broken_later: int
    broken_drawn: int
    share: float
    best_share: float
    plug_in_broken: int
    plug_in_broken_later: int
    plug_in_share: float


def simulate(table: Rows, promise: Promise, *, n: int, splits: int, seed: int) -> Tally:
    """Split ``table`` at random, choose by n rows, and look at the whole table and at the rest."""
    rng = np.random.default_rng(seed)
    none = broken_drawn = 0
    fallback = 0.0 if promise.kind == "quality" else 1.0
    made: list[tuple[float, bool, bool]] = []
    plugged: list[tuple[float, bool, bool]] = []
    for _ in range(splits):
        order = rng.permutation(len(table))
        labelled, rest = table.part(order[:n]), table.part(order[n:])
        threshold = promised_threshold(labelled, promise)
        none += threshold is None or not _routes(labelled, promise, threshold)
        for results, chosen in ((made, threshold), (plugged, cheapest_kept(labelled, promise))):
            used = fallback if chosen is None else chosen
            results.append((share(table, used), not kept(table, promise, used), not kept(rest, promise, used)))
        drawn = promised_threshold(table.part(rng.integers(len(table), size=n)), promise)
        broken_drawn += drawn is not None and not kept(table, promise, drawn)
    best = cheapest_kept(table, promise)
    return Tally(
        splits=splits,
        none=none,
        broken=sum(whole for _, whole, _ in made),
        broken_later=sum(later for _, _, later in made),
        broken_drawn=broken_drawn,
        share=float(np.mean([used for used, _, _ in made])),
        best_share=1.0 if best is None else share(table, best),
        plug_in_broken=sum(whole for _, whole, _ in plugged),
        plug_in_broken_later=sum(later for _, _, later in plugged),
        plug_in_share=float(np.mean([used for used, _, _ in plugged])),
    )


def share(rows: Rows, threshold: float) -> float:
    """Strong share of the rows."""
    return float(np.mean(rows.win_rates >= threshold))


def kept(rows: Rows, promise: Promise, threshold: float) -> bool:
    """Whether a threshold keeps a promise on these very rows."""
    if promise.kind == "strong_share":
        return share(rows, threshold) <= promise.target
    assert rows.gains is not None
    return float(np.sum(rows.gains * ((rows.win_rates >= threshold) - promise.target))) >= -1e-9


def cheapest_kept(rows: Rows, promise: Promise) -> float | None:
    """The cheapest threshold that keeps the promise on these rows: the oracle on a whole table, a guess on a sample."""
    order = np.argsort(-rows.win_rates, kind="stable")
    win_rates = rows.win_rates[order]
    last_of_its_rate = np.append(win_rates[1:] != win_rates[:-1], True)
    if promise.kind == "strong_share":
        counts = np.arange(1, len(rows) + 1)
        good = np.flatnonzero(last_of_its_rate & (counts <= promise.target * len(rows)))
        return float(win_rates[good[-1]]) if len(good) else None
    assert rows.gains is not None
    recovered = np.cumsum(rows.gains[order])
    good = np.flatnonzero(last_of_its_rate & (recovered >= promise.target * recovered[-1] - 1e-9))
    return float(win_rates[good[0]]) if len(good) else None


def _routes(rows: Rows, promise: Promise, threshold: float) -> bool:
    if promise.kind == "quality":
        return saves(rows.win_rates, threshold)
    return bool((rows.win_rates >= threshold).any())
