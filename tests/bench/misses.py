"""What the cache adds to single requests: two servers are asked the same in turns, one with a cache, one without."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

from tests.bench.server import PATH, cpu_s
from tests.live import LiveServer


class Asked(NamedTuple):
    """One request: what became of it, how near the nearest kept question was, and the CPU that the cache added."""

    outcome: str
    similarity: float
    added_ms: float


async def asked_in_turns(on: LiveServer, off: LiveServer, bodies: Sequence[dict[str, Any]]) -> list[Asked]:
    """Ask both servers, one request at a time, the second of a pair going first every other time.

    What a server does in the background until the next request counts as that request's. A single difference is noisy,
    a mean of hundreds is not.
    """
    found: list[Asked] = []
    async with on.http() as with_cache, off.http() as without:
        for number, body in enumerate(bodies):
            before = _difference_ms(on, off)
            clients = (with_cache, without) if number % 2 else (without, with_cache)
            answers = {client: (await client.post(PATH, json=body)).raise_for_status() for client in clients}
            headers = answers[with_cache].headers
            found.append(
                Asked(
                    headers.get("x-router-cache", ""),
                    float(headers.get("x-router-cache-similarity", 0)),
                    _difference_ms(on, off) - before,
                )
            )
    return found


class Added(NamedTuple):
    """CPU milliseconds that the cache added to ``count`` misses; ``error`` is the standard error of the mean."""

    count: int
    mean_ms: float
    error_ms: float
    median_ms: float

    @classmethod
    def to(cls, asked: Sequence[Asked]) -> Added | None:
        """Of the misses among these requests; None where there are fewer than two."""
        added = [each.added_ms for each in asked if each.outcome == "miss"]
        if len(added) < 2:
            return None
        error = statistics.stdev(added) / len(added) ** 0.5
        return cls(len(added), statistics.fmean(added), error, statistics.median(added))

    def __str__(self) -> str:
        return f"{self.mean_ms:+.2f} ms (s.e. {self.error_ms:.2f}, median {self.median_ms:+.2f}, {self.count} misses)"


def _difference_ms(on: LiveServer, off: LiveServer) -> float:
    return (cpu_s(on.process.pid) - cpu_s(off.process.pid)) * 1000
