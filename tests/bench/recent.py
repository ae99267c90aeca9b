"""What it costs a request to be put down for who looks, in CPU time. Run: ``python -m tests.bench.recent``.

The whole of it: what the scorer saw, the times of its steps, its place among the newest, and the counts of its step.
"""

from __future__ import annotations

import random
import statistics
import time
import tracemalloc
from decimal import Decimal

import numpy as np

from router.recent import Recent, Settled, Sight, Step
from router.recent.nearest import nearest
from router.recent.ring import MOST
from router.types import LedgerRow
from tests.bench.machine import machine
from tests.ledger.support import a_row

STEPS: tuple[Step, ...] = ("admitted", "decided", "cache", "asked", "first-token")
REQUESTS, ROUNDS = 20_000, 9
COLUMNS, DIM = 309, 256


def a_request(number: int, drawn: random.Random) -> LedgerRow:
    """One of many, none like the others."""
    return a_row(
        f"req_{number:032x}",
        latency_ms=drawn.lognormvariate(5, 1),
        first_token_ms=drawn.lognormvariate(3, 1),
        cost_usd=Decimal(drawn.randrange(10**9)).scaleb(-9),
        baseline_cost_usd=Decimal(drawn.randrange(10**9)).scaleb(-9),
        cache_key=f"{number:064x}",
    )


def put_down(recent: Recent, row: LedgerRow, seen: np.ndarray) -> None:
    """What happens on the path of a request."""
    began = time.perf_counter()
    sight = Sight(input=seen, dim=DIM, score=0.5, artifact="artifact", encoder="encoder")
    steps = []
    for step in STEPS:
        steps.append((step, (time.perf_counter() - began) * 1000))  # noqa: PERF401 - one by one, as it happens
    recent.add(Settled(row, sight, steps))


def cpu_us() -> list[float]:
    """CPU microseconds of a request, in each round."""
    drawn = random.Random(1)
    rows = [a_request(number, drawn) for number in range(REQUESTS)]
    seen = [np.zeros(COLUMNS, np.float32) for _ in rows]
    recent, taken = Recent(), []
    for _ in range(ROUNDS):
        began = time.thread_time()
        for row, each in zip(rows, seen, strict=True):
            put_down(recent, row, each)
        taken.append((time.thread_time() - began) / REQUESTS * 1e6)
    return taken


def full() -> tuple[Recent, float]:
    """As many as are kept, and how many bytes each takes."""
    drawn, generator = random.Random(1), np.random.default_rng(1)
    tracemalloc.start()
    recent, before = Recent(), tracemalloc.get_traced_memory()[0]
    for number in range(MOST):
        put_down(recent, a_request(number, drawn), generator.normal(size=COLUMNS).astype(np.float32))
    taken = (tracemalloc.get_traced_memory()[0] - before) / MOST
    tracemalloc.stop()
    return recent, taken


def main() -> None:
    """Print the figures."""
    taken = cpu_us()
    print(machine())
    print(f"on the path of a request: {statistics.median(taken):.1f} us of CPU (least {min(taken):.1f})")
    recent, each = full()
    print(f"each that is kept takes {each:,.0f} bytes; {MOST:,} of them {each * MOST / 1e6:.1f} MB")
    began = time.thread_time()
    nearest(recent.newest(1)[0], recent.all())
    print(f"the nearest of {MOST:,}: {(time.thread_time() - began) * 1000:.1f} ms of CPU, when somebody asks")


if __name__ == "__main__":
    main()
