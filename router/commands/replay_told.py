"""What ``underdog replay`` tells: the thresholds that were asked for, with their figures."""

from __future__ import annotations

from datetime import datetime

import click
import numpy as np
from msgspec import Struct

from router.artifacts.in_use import InUse
from router.commands.printable import printable
from router.errors import InvalidRequest
from router.http.tuning import tuning_for
from router.ledger.baseline import lengths_of
from router.replay.amounts import ratios_of
from router.replay.figures import Band, Figures, figures_as_it_was, figures_at
from router.replay.left_out import WHY
from router.replay.money import usd_text
from router.replay.reader import Reader
from router.settings import Settings

DECIMALS = 6

IN_USE = "in use"
ALL_STRONG, ALL_WEAK, AS_IT_WAS = "all strong", "all weak", "as it was"


class Asked(Struct, frozen=True):
    """A threshold, and what stands for it: a point's name, a wish, or nothing."""

    threshold: float
    called: str | None


class Told(Struct, frozen=True):
    """A figure with its 95 % interval: a share, or US dollars as text."""

    value: float | str
    low: float | str
    high: float | str


class Row(Struct, frozen=True, kw_only=True):
    """What one threshold gives. ``threshold`` is None for what the requests came to. Money is None without prices."""

    threshold: float | None
    called: str | None
    strong_share: Told
    cost_usd: Told | None
    saved_usd: Told | None
    quality: Told


class Replayed(Struct, frozen=True, kw_only=True):
    """``n`` requests at some thresholds.

    ``left_out``: how many others there were, by why; ``left_out_usd``: what these cost. ``unanswered``: requests whose
    answers are taken to have ``answer_tokens``. ``rescored``: whose prompts were scored again. ``answer_lengths``:
    tokens of the strong model's answer for one of the weak model's that the intervals of amounts hold.
    """

    artifact: str
    n: int
    left_out: dict[str, int]
    left_out_usd: str
    since: datetime | None
    until: datetime | None
    bad_lines: int
    unanswered: int
    answer_tokens: int | None
    rescored: int
    answer_lengths: tuple[float, float]
    rows: list[Row]


def asked_of(
    in_use: InUse,
    *,
    thresholds: tuple[str, ...],
    qualities: tuple[str, ...],
    shares: tuple[str, ...],
    points: tuple[str, ...],
) -> list[Asked]:
    """The thresholds that flags ask for; without any, the one in use and the artifact's points.

    Raises:
        UsageError: a flag's value is no number from 0 to 1, or no point.
    """
    wishes: list[tuple[str, str, str | None]] = [("threshold", text, None) for text in thresholds]
    wishes += [("quality", text, f"quality {text}") for text in qualities]
    wishes += [("strong_share", text, f"strong share {text}") for text in shares]
    try:
        asked = [
            Asked(in_use.dial.threshold(tuning_for(query=[(dial, text)], headers={}, model="auto")), called)
            for dial, text, called in wishes
        ]
        asked += [
            Asked(in_use.dial.threshold(tuning_for(query=[], headers={}, model=f"auto:{name}")), name)
            for name in points
        ]
    except InvalidRequest as error:
        raise click.UsageError(error.message) from None
    if not asked:
        asked = [Asked(point.threshold, name) for name, point in in_use.dial.operating_points.items()]
        if in_use.dial.default not in {each.threshold for each in asked}:
            asked.append(Asked(in_use.dial.default, IN_USE))
    return asked


def told_of(reader: Reader, asked: list[Asked], settings: Settings, *, bad_lines: int) -> Replayed:
    """The figures of what was read.

    Raises:
        ClickException: no threshold decides any of it.
    """
    requests = reader.collected.requests()
    if not len(requests):
        others = ", ".join(f"{count:,} {WHY.get(why, why)}" for why, count in requests.left_out.items())
        others = printable(others)
        raise click.ClickException(
            f"No request is there that a threshold decides{f' ({others})' if others else ''}: "
            "ask a server with the model 'auto', or give a FILE of requests."
        )
    lengths = lengths_of(settings.baseline_lengths)
    ratios = ratios_of(lengths)
    every = np.unique([0.0, 1.0, *(each.threshold for each in asked)])
    found = figures_at(requests, every, when_unfamiliar=settings.unfamiliar, ratios=ratios)
    was = figures_as_it_was(requests, ratios=ratios)
    rows = [] if was is None else [_row(was, 0, None, AS_IT_WAS)]
    rows += [
        _row(found, int(np.searchsorted(every, each.threshold)), each.threshold, each.called)
        for each in (Asked(0.0, ALL_STRONG), *sorted(asked, key=lambda each: each.threshold), Asked(1.0, ALL_WEAK))
    ]
    return Replayed(
        artifact=reader.artifact,
        n=len(requests),
        left_out=requests.left_out,
        left_out_usd=usd_text(requests.left_out_usd),
        since=requests.since,
        until=requests.until,
        bad_lines=bad_lines,
        unanswered=reader.asked,
        answer_tokens=reader.answer_tokens,
        rescored=reader.rescored,
        answer_lengths=(ratios.low, ratios.high),
        rows=rows,
    )


def _row(figures: Figures, place: int, threshold: float | None, called: str | None) -> Row:
    return Row(
        threshold=threshold,
        called=called,
        strong_share=_share(figures.strong_share, place),
        cost_usd=_money(figures.cost, place),
        saved_usd=_money(figures.saved, place),
        quality=_share(figures.quality, place),
    )


def _share(band: Band, place: int) -> Told:
    return Told(*(round(float(ends[place]), DECIMALS) for ends in band))


def _money(band: Band | None, place: int) -> Told | None:
    return None if band is None else Told(*(usd_text(float(ends[place])) for ends in band))
