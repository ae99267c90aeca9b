"""The whole server at one moment: its totals, the last minute, the chart's step, and how what it depends on fares."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec
from msgspec import Struct

from router.http.services import Services, SettingsFile
from router.http.status import UpstreamHealth, health_of
from router.ledger.reports import Percentiles, Stats
from router.ledger.usage import usd
from router.recent import Figures, Steps


class Totals(Struct, frozen=True, kw_only=True):
    """The ledger's, since it began; see ``Stats``, whose amounts are told here as text."""

    since: datetime | None
    requests: int
    cost_usd: str | None
    baseline_cost_usd: str | None
    saved_usd: str | None
    saved_low_usd: str | None
    saved_high_usd: str | None
    by_route: dict[str, int]
    by_cache: dict[str, int]
    by_outcome: dict[str, int]


class Minute(Struct, frozen=True, kw_only=True):
    """What came to its end on this server in the last minute; see ``Figures``."""

    requests: int
    by_route: dict[str, int]
    by_cache: dict[str, int]
    errors: int
    cost_usd: str | None
    saved_usd: str | None
    latency_ms: Percentiles
    first_token_ms: Percentiles


class ChartStep(Struct, frozen=True, kw_only=True):
    """One column of ``Steps``: the one that goes on."""

    at: int
    weak: int
    strong: int
    cached: int
    other: int
    errors: int
    p50_ms: float | None
    p95_ms: float | None


class Snapshot(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The server at one moment.

    ``in_flight``: requests being answered, ``waiting`` of them for the answer that an equal one is being given.
    ``totals``: None until the ledger could be read. ``series``: for who has only come; ``step`` is its last one.
    ``upstreams``, ``memory``, ``shared`` and ``settings_file`` are those of ``GET /health``.
    """

    at: datetime
    uptime_s: float
    in_flight: int
    waiting: int
    totals: Totals | None
    minute: Minute
    step: ChartStep
    upstreams: dict[str, UpstreamHealth | None]
    memory: Literal["ok", "tight"] | None
    shared: Literal["up", "away"] | None
    settings_file: SettingsFile | None
    series: Steps | None = None

    def says_the_same(self, other: Snapshot | None) -> bool:
        """Whether nothing but the time has changed."""
        return other is not None and msgspec.structs.replace(self, at=other.at, uptime_s=other.uptime_s) == other


def snapshot(services: Services, stats: Stats | None, *, at: datetime, uptime_s: float) -> Snapshot:
    """The server now, without the series.

    Args:
        services: the parts of the server.
        stats: the ledger's, as they were read last.
        at: now.
        uptime_s: since the server started.
    """
    gateway, health = services.gateway, health_of(services)
    return Snapshot(
        at=at,
        uptime_s=round(uptime_s, 1),
        in_flight=gateway.room.held,
        waiting=gateway.waiting,
        totals=None if stats is None else _totals(stats),
        minute=_minute(gateway.recent.tally.minute()),
        step=_last(gateway.recent.tally.step()),
        upstreams=health.upstreams,
        memory=health.memory,
        shared=health.shared,
        settings_file=health.settings,
    )


def _totals(stats: Stats) -> Totals:
    fields = {name: getattr(stats, name) for name in Totals.__struct_fields__}
    amounts = {name: _told(value) for name, value in fields.items() if name.endswith("_usd")}
    return Totals(**fields | amounts)


def _told(amount: float | None) -> str | None:
    """An amount that was rounded once to 1e-9, in its own digits."""
    return None if amount is None else usd(Decimal(repr(amount)))


def _minute(figures: Figures) -> Minute:
    amounts = {"cost_usd": usd(figures.cost_usd), "saved_usd": usd(figures.saved_usd)}
    return Minute(**msgspec.structs.asdict(figures) | amounts)


def _last(steps: Steps) -> ChartStep:
    return ChartStep(**{name: values[-1] for name, values in msgspec.structs.asdict(steps).items()})
