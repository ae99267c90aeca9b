"""What Underdog adds to a request, beside a direct call and a plain forwarder: ``python -m tests.bench.added_cost``.

One model that answers at once (``tests.bench.forwarded.instant``) is asked directly, through a forwarder of the same
parts that does nothing else (``tests.bench.forwarded.plain``), and through Underdog with everything on: each prompt is
new, of 115 tokens and unlike the others, scored, looked up in the cache and kept there, and in the ledger before
its answer ends. Every server has a process of its own; the caller has another. The three take turns, and of each
figure the median over the rounds is shown. CPU is that of the process in between, all its threads, user and system.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from tests.bench.forwarded.load import ask
from tests.bench.machine import machine
from tests.bench.server import cpu_s
from tests.live import live_server

CONCURRENCY = 16
HEADINGS = ("", "", "CPU ms", "added", "p50 ms", "added", "p95 ms", "req/s", "req/s/core")


@dataclass
class Target:
    """One way to the model: where to ask, and the process that stands in between (None: nobody does)."""

    name: str
    base_url: str
    pid: int | None
    cpu_ms: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p95_ms: list[float] = field(default_factory=list)

    def clear(self) -> None:
        """Forget what was measured."""
        for figures in (self.cpu_ms, self.rate, self.p50_ms, self.p95_ms):
            figures.clear()

    async def measure(self, requests: int, *, stream: bool) -> None:
        """One round: latency from one caller, then CPU and rate under sixteen."""
        took = sorted(await ask(self.base_url, requests // 4, concurrency=1, stream=stream))
        self.p50_ms.append(1000 * took[len(took) // 2])
        self.p95_ms.append(1000 * took[len(took) * 95 // 100])
        loop = asyncio.get_running_loop()
        used, started = self._cpu_s(), loop.time()
        await ask(self.base_url, requests, concurrency=CONCURRENCY, stream=stream)
        self.rate.append(requests / (loop.time() - started))
        self.cpu_ms.append(1000 * (self._cpu_s() - used) / requests)

    def _cpu_s(self) -> float:
        return 0.0 if self.pid is None else cpu_s(self.pid)


@asynccontextmanager
async def helper(module: str, *arguments: str) -> AsyncIterator[tuple[str, int]]:
    """A server of ``tests.bench.forwarded`` in a process of its own: where it listens, and its process id."""
    command = (sys.executable, "-m", f"tests.bench.forwarded.{module}", *arguments)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        line = (await process.stdout.readline()).decode()
        yield line.rsplit(" ", 1)[1].strip(), process.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def table(kind: str, targets: Sequence[Target]) -> None:
    """Print the medians of one kind of request."""
    direct = targets[0]
    for target in targets:
        cpu, p50, p95, rate = map(statistics.median, (target.cpu_ms, target.p50_ms, target.p95_ms, target.rate))
        added = p50 - statistics.median(direct.p50_ms)
        between = target.pid is not None
        cells = (
            f"{cpu:.2f}" if between else "",
            f"{cpu - statistics.median(targets[1].cpu_ms):+.2f}" if between else "",
            f"{p50:.2f}",
            f"{added:+.2f}" if between else "",
            f"{p95:.2f}",
            f"{rate:.0f}",
            f"{1000 / cpu:.0f}" if between else "",
        )
        print(f"{kind:9}{target.name:17}" + "".join(f"{cell:>11}" for cell in cells), flush=True)


async def compare(requests: int, rounds: int) -> None:
    """Start the servers, let them warm up, measure in turns, print."""
    async with contextlib.AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        model_url, _ = await stack.enter_async_context(helper("instant"))
        plain_url, plain_pid = await stack.enter_async_context(helper("plain", model_url))
        underdog = await stack.enter_async_context(
            live_server(home, "--weak-url", model_url, "--weak-model", "instant")
        )
        targets = (
            Target("direct", model_url, None),
            Target("plain forwarder", plain_url, plain_pid),
            Target("Underdog", f"{underdog.url}/v1", underdog.process.pid),
        )
        print(f"{HEADINGS[0]:9}{HEADINGS[1]:17}" + "".join(f"{heading:>11}" for heading in HEADINGS[2:]))
        for stream in (False, True):
            for target in targets:
                await target.measure(requests // 2, stream=stream)
                target.clear()
            for _ in range(rounds):
                for target in targets:
                    await target.measure(requests, stream=stream)
            table("streamed" if stream else "whole", targets)
            for target in targets:
                target.clear()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000, help="requests per round, server and kind")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(machine())
    print(
        f"{options.rounds} rounds of {options.requests} requests, {CONCURRENCY} at a time (latency: one at a time); "
        "CPU is compared with the plain forwarder's, latency with the direct call's\n"
    )
    uvloop.run(compare(options.requests, options.rounds))


if __name__ == "__main__":
    main()
