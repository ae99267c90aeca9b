"""``/console/api/dial``: what each threshold costs and gives, on the artifact's prompts and on one's own requests."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, put
from litestar.di import NamedDependency
from msgspec import Meta, Struct

from router.configured.given import Source
from router.errors import InvalidRequest, LedgerError
from router.gateway import Gateway
from router.http.body import read_body
from router.http.console.access import tuner, watcher
from router.http.console.threshold import apply, origin_of
from router.http.query import read_query
from router.http.services import Services
from router.http.unkept import UNKEPT
from router.ledger.baseline import lengths_of
from router.ledger.decided import PastRequest
from router.replay.amounts import Pricing, Ratios, ratios_of
from router.replay.figures import Figures, figures_as_it_was, figures_at
from router.replay.money import usd_text, usd_texts
from router.replay.requests import Collected, FloatArray, Requests
from router.replay.thresholds import dial_thresholds
from router.scoring.curve import CurvePoints
from router.types import WhenUnfamiliar

MOST_REQUESTS = 20_000
MAX_BODY_BYTES = 1_000
DECIMALS = 6

SEVERAL = "Each server follows a settings' file of its own: set the threshold on the others as well."


UNREAD = "The ledger cannot be read just now, so that nothing is told of your own requests."


class Which(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query. ``last``: of how many requests the figures are to be."""

    last: Annotated[int, Meta(ge=1, le=MOST_REQUESTS)] = 1_000


class Wanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of ``PUT``."""

    threshold: Annotated[float, Meta(ge=0, le=1)]


class Point(Struct, frozen=True, kw_only=True):
    """A named threshold, and what it was measured to give on the artifact's prompts."""

    threshold: float
    strong_share: float
    quality: float


class AsItWas(Struct, frozen=True, kw_only=True):
    """What the requests came to. ``quality`` is what is expected of where they went."""

    strong_share: float
    cost_usd: str | None
    quality: float
    quality_low: float
    quality_high: float


class Own(Struct, frozen=True, kw_only=True):
    """What thresholds would have given on the last requests: ``n`` that a threshold decides.

    ``left_out``: how many others, by why (docs/replay.md); ``left_out_usd``: what those cost, at any threshold. Lists
    have one entry for each ``threshold``. Amounts are US dollars as text, None where a price is not known; ``low`` and
    ``high`` are the ends of 95 % intervals.
    """

    n: int
    left_out: dict[str, int]
    left_out_usd: str
    since: datetime | None
    until: datetime | None
    threshold: list[float]
    strong_share: list[float]
    cost_usd: list[str] | None
    cost_low_usd: list[str] | None
    cost_high_usd: list[str] | None
    quality: list[float]
    quality_low: list[float]
    quality_high: list[float]
    all_strong_usd: str | None
    all_weak_usd: str | None
    actual: AsItWas


class DialView(Struct, frozen=True, kw_only=True):
    """The dial.

    ``curve``: measured on the artifact's own prompts. ``threshold``: in use by default; it comes from
    ``threshold_from``, at ``threshold_place``. ``may_apply``: whether who asks may set it here, else ``why_not`` says
    why and what to do instead. ``note``: what to know when setting it. ``own``: None where no threshold decides any of
    the last requests, or they cannot be read; ``left_out`` and ``note`` say why.
    """

    curve: CurvePoints
    points: dict[str, Point]
    threshold: float
    threshold_from: Source
    threshold_place: str | None
    may_apply: bool
    why_not: str | None
    note: str | None
    left_out: dict[str, int]
    own: Own | None


@get("/console/api/dial", include_in_schema=False)
async def console_dial(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[DialView]:
    """For whoever may look."""
    watcher(services, request.headers)
    async with services.dialling.turn(may_be_turned_away=True):
        return await _answer(request, services)


@put("/console/api/dial", include_in_schema=False)
async def set_console_dial(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[DialView]:
    """Set the default threshold in the settings' file and put it in use: it holds from the next request on."""
    tuner(services, request.headers)
    read_query(request, Which)
    body = await read_body(request, limit=MAX_BODY_BYTES, patience_s=services.settings.body_timeout_s)
    await apply(services, request.headers, _wanted(body))
    # What is set is set: it must not look refused.
    async with services.dialling.turn(may_be_turned_away=False):
        try:
            return await _answer(request, services)
        except LedgerError:
            view = await asyncio.to_thread(_view, services, request.headers, [])
            return Response(msgspec.structs.replace(view, note=UNREAD), headers=UNKEPT)


async def _answer(request: Request[Any, Any, Any], services: Services) -> Response[DialView]:
    last = read_query(request, Which).last
    past = await services.gateway.ledger.decided(last)
    return Response(await asyncio.to_thread(_view, services, request.headers, past), headers=UNKEPT)


def _wanted(body: bytes) -> float:
    try:
        return msgspec.json.decode(body, type=Wanted).threshold
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidRequest('Send {"threshold": 0.42}, a number from 0 to 1.', param="threshold") from None


def _view(services: Services, headers: Mapping[str, str], past: list[PastRequest]) -> DialView:
    origin = origin_of(services, headers)
    dial = services.gateway.in_use.dial
    requests = _collected(services.gateway, past)
    return DialView(
        curve=dial.curve.points(),
        points={
            name: Point(threshold=point.threshold, strong_share=point.strong_share, quality=point.quality)
            for name, point in dial.operating_points.items()
        },
        threshold=dial.default,
        threshold_from=origin.source,
        threshold_place=origin.place,
        may_apply=origin.why_not is None,
        why_not=origin.why_not,
        note=None if services.replicas.status() is None else SEVERAL,
        left_out=requests.left_out,
        own=_own(
            requests,
            besides=[dial.default, *(point.threshold for point in dial.operating_points.values())],
            when_unfamiliar=services.settings.unfamiliar,
            ratios=ratios_of(lengths_of(services.settings.baseline_lengths)),
        ),
    )


def _collected(gateway: Gateway, past: list[PastRequest]) -> Requests:
    artifact, pricing = gateway.in_use.artifact, Pricing.between(gateway.prices, gateway.upstreams)
    collected = Collected()
    for each in past:
        collected.take(each, artifact, pricing)
    return collected.requests()


def _own(requests: Requests, *, besides: list[float], when_unfamiliar: WhenUnfamiliar, ratios: Ratios) -> Own | None:
    if not len(requests):
        return None
    thresholds = dial_thresholds(requests.win_rate, besides)
    found = figures_at(requests, thresholds, when_unfamiliar=when_unfamiliar, ratios=ratios)
    was = figures_as_it_was(requests, ratios=ratios)
    assert was is not None  # the ledger's requests were all answered
    cost = found.cost
    return Own(
        n=len(requests),
        left_out=requests.left_out,
        left_out_usd=usd_text(requests.left_out_usd),
        since=requests.since,
        until=requests.until,
        threshold=thresholds.tolist(),
        strong_share=_rounded(found.strong_share.value),
        cost_usd=None if cost is None else usd_texts(cost.value),
        cost_low_usd=None if cost is None else usd_texts(cost.low),
        cost_high_usd=None if cost is None else usd_texts(cost.high),
        quality=_rounded(found.quality.value),
        quality_low=_rounded(found.quality.low),
        quality_high=_rounded(found.quality.high),
        all_strong_usd=None if cost is None else usd_text(cost.value[0]),
        all_weak_usd=usd_text(requests.all_weak_usd(ratios)) if requests.is_priced else None,
        actual=_as_it_was(was),
    )


def _as_it_was(was: Figures) -> AsItWas:
    share, quality = was.strong_share.value, was.quality
    return AsItWas(
        strong_share=_rounded(share)[0],
        cost_usd=None if was.cost is None else usd_text(was.cost.value[0]),
        quality=_rounded(quality.value)[0],
        quality_low=_rounded(quality.low)[0],
        quality_high=_rounded(quality.high)[0],
    )


def _rounded(values: FloatArray) -> list[float]:
    rounded: list[float] = values.round(DECIMALS).tolist()
    return rounded
