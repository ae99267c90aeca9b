"""Counts of the last quarter of an hour, however many requests it had: in slots of two seconds, joined by who looks.

Times are counted in buckets that grow by 5 %, so that a percentile is told to within 2.5 %.
"""

from __future__ import annotations

import math
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TypeVar

from msgspec import Struct

from router.ledger.reports import Percentiles
from router.types import LedgerRow

K = TypeVar("K")

SLOT_S = 2
STEP_S = 10
"""Seconds of a step, as charts show them."""
SPAN_S = 900
"""Seconds that are counted."""
MINUTE_S = 60

_BUCKETS = 1 / math.log(1.05)
_LEAST_MS = 0.001


def _since_boot() -> float:
    """Seconds, those in which the machine slept among them where the system counts these."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()


class Figures(Struct, frozen=True, kw_only=True):
    """What some span of time came to.

    Amounts are US dollars: of the requests whose price is known; None where there were requests, and it is of none.
    ``by_cache`` has what the cache had to say; ``errors`` counts requests that ended in one.
    """

    requests: int
    by_route: dict[str, int]
    by_cache: dict[str, int]
    errors: int
    cost_usd: Decimal | None
    saved_usd: Decimal | None
    latency_ms: Percentiles
    first_token_ms: Percentiles


class Steps(Struct, frozen=True, kw_only=True):
    """A chart's columns, one value for each step: when it began in whole Unix seconds, and what came to its end in it.

    Each request is in one of the counts: ``errors``, else ``cached``, else its route; ``other`` has neither of the two.
    """

    at: list[int]
    weak: list[int]
    strong: list[int]
    cached: list[int]
    other: list[int]
    errors: list[int]
    p50_ms: list[float | None]
    p95_ms: list[float | None]


class Tally:
    """Counts requests as they come to their end.

    Args:
        clock: seconds that never go back, and go on while the machine sleeps.
        wall: Unix time; where it is set, what was counted keeps its distance from now.
    """

    def __init__(self, clock: Callable[[], float] = _since_boot, wall: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._wall = wall
        self._epoch = wall() - clock()  # the Unix time at which the clock stood at 0
        self._slots: deque[_Slot] = deque()

    def count(self, row: LedgerRow) -> None:
        """A request has come to its end now."""
        number = self._now() // SLOT_S
        slots = self._slots
        if not slots or slots[-1].number != number:
            self._begin(number)
        slots[-1].count(row)

    def minute(self) -> Figures:
        """The last minute's, to within a slot."""
        self._set_right()
        first = (self._now() - MINUTE_S) // SLOT_S + 1
        return _joined(slot for slot in self._slots if slot.number >= first).figures()

    def steps(self) -> Steps:
        """All steps of the span; the last one goes on."""
        self._set_right()
        newest = self._now() // STEP_S
        return self._columns(range(newest - SPAN_S // STEP_S + 1, newest + 1))

    def step(self) -> Steps:
        """The step that goes on."""
        self._set_right()
        newest = self._now() // STEP_S
        return self._columns(range(newest, newest + 1))

    def _now(self) -> int:
        return int(self._epoch + self._clock())

    def _set_right(self) -> None:
        """Follow the wall's clock where it was set."""
        steps = round((self._wall() - self._epoch - self._clock()) / STEP_S)
        if steps:
            self._epoch += steps * STEP_S
            for slot in self._slots:
                slot.number += steps * STEP_S // SLOT_S

    def _begin(self, number: int) -> None:
        self._slots.append(_Slot(number))
        while self._slots[0].number <= number - SPAN_S // SLOT_S - STEP_S // SLOT_S:
            self._slots.popleft()

    def _columns(self, steps: range) -> Steps:
        joined: dict[int, _Slot] = {}
        for slot in reversed(self._slots):
            step = slot.number * SLOT_S // STEP_S
            if step not in steps:
                break
            joined.setdefault(step, _Slot(0)).join(slot)
        each = [joined.get(step, _Slot(0)) for step in steps]
        kinds = [slot.by_kind() for slot in each]
        return Steps(
            at=[step * STEP_S for step in steps],
            weak=[kind["weak"] for kind in kinds],
            strong=[kind["strong"] for kind in kinds],
            cached=[kind["cached"] for kind in kinds],
            other=[kind["other"] for kind in kinds],
            errors=[kind["errors"] for kind in kinds],
            p50_ms=[_percentile(slot.latencies, 50) for slot in each],
            p95_ms=[_percentile(slot.latencies, 95) for slot in each],
        )


class _Slot:
    """What came to its end within two seconds, or what several of these came to."""

    __slots__ = ("compared", "cost", "first_tokens", "kinds", "latencies", "number", "priced", "saved")

    def __init__(self, number: int) -> None:
        self.number = number
        self.kinds: dict[tuple[str | None, str | None, str], int] = {}  # route, cache, outcome
        self.latencies: dict[int, int] = {}
        self.first_tokens: dict[int, int] = {}
        self.cost = self.saved = Decimal(0)
        self.priced = self.compared = 0

    def count(self, row: LedgerRow) -> None:
        kind = (row.route, row.cache, row.outcome)
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        _count(self.latencies, row.latency_ms)
        if row.first_token_ms is not None:
            _count(self.first_tokens, row.first_token_ms)
        if row.cost_usd is not None:
            self.priced += 1
            self.cost += row.cost_usd
            if row.baseline_cost_usd is not None:
                self.compared += 1
                self.saved += row.baseline_cost_usd - row.cost_usd

    def join(self, other: _Slot) -> None:
        _add(self.kinds, other.kinds)
        _add(self.latencies, other.latencies)
        _add(self.first_tokens, other.first_tokens)
        self.cost += other.cost
        self.saved += other.saved
        self.priced += other.priced
        self.compared += other.compared

    def by_kind(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for (route, cache, outcome), times in self.kinds.items():
            if outcome == "error":
                counts["errors"] += times
            elif cache in ("exact", "semantic"):
                counts["cached"] += times
            else:
                counts[route if route in ("weak", "strong") else "other"] += times
        return counts

    def figures(self) -> Figures:
        requests = sum(self.kinds.values())
        return Figures(
            requests=requests,
            by_route=self._by(0),
            by_cache=self._by(1),
            errors=self._by(2).get("error", 0),
            cost_usd=None if requests and not self.priced else self.cost,
            saved_usd=None if requests and not self.compared else self.saved,
            latency_ms=_percentiles(self.latencies),
            first_token_ms=_percentiles(self.first_tokens),
        )

    def _by(self, place: int) -> dict[str, int]:
        counts: dict[str, int] = {}
        for kind, times in self.kinds.items():
            name = kind[place]
            if name is not None:
                counts[name] = counts.get(name, 0) + times
        return counts


def _joined(slots: Iterable[_Slot]) -> _Slot:
    total = _Slot(0)
    for slot in slots:
        total.join(slot)
    return total


def _add(counts: dict[K, int], others: dict[K, int]) -> None:
    for key, times in others.items():
        counts[key] = counts.get(key, 0) + times


def _count(buckets: dict[int, int], ms: float) -> None:
    bucket = math.floor(math.log(max(_LEAST_MS, ms)) * _BUCKETS)
    buckets[bucket] = buckets.get(bucket, 0) + 1


def _percentiles(buckets: dict[int, int]) -> Percentiles:
    return Percentiles(*(_percentile(buckets, percent) for percent in (50, 95, 99)))


def _percentile(buckets: dict[int, int], percent: int) -> float | None:
    """By nearest rank: the middle of its bucket, to three digits. None where nothing was counted."""
    left = math.ceil(sum(buckets.values()) * percent / 100)
    for bucket in sorted(buckets):
        left -= buckets[bucket]
        if left <= 0:
            return float(f"{math.exp((bucket + 0.5) / _BUCKETS):.3g}")
    return None
