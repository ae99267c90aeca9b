"""How soon the server answers, what it holds when idle, what a request costs: ``python -m tests.bench.server``.

The weak model is a scripted server in this process, so the figures are the router's own: no embedded LLM.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from pathlib import Path

import httpx

from router.upstream.scripted import ScriptedServer, Turn
from tests.bench.machine import machine
from tests.live import LiveServer, routed

REQUESTS = 1_500
CONCURRENCY = 16
PATH = "/v1/chat/completions"


def cpu_s(pid: int) -> float:
    """CPU seconds, user and system, that a process of Linux has used, all its threads, to the nanosecond."""
    return time.clock_gettime((~pid << 3) | 2)  # what clock_getcpuclockid(3) gives


def resident_mb(pid: int) -> float:
    """Resident memory of a process, megabytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+)", status)
    assert found is not None
    return int(found[1]) / 1024


async def load(server: LiveServer, *, prefix: str, stream: bool) -> tuple[float, float]:
    """Send requests that all miss the cache; gives its CPU milliseconds per request, and requests per second."""
    numbers = iter(range(REQUESTS))
    words = "explain how the weekly report compares with our plan and list three risks in order of cost " * 3

    async def caller(http: httpx.AsyncClient) -> None:
        for number in numbers:
            body = {"messages": [{"role": "user", "content": f"{prefix} {number} {words}"}], "stream": stream}
            (await http.post(PATH, json=body)).raise_for_status()

    used, started = cpu_s(server.process.pid), time.perf_counter()
    async with server.http() as http:
        await asyncio.gather(*(caller(http) for _ in range(CONCURRENCY)))
    elapsed = time.perf_counter() - started
    return (cpu_s(server.process.pid) - used) / REQUESTS * 1000, REQUESTS / elapsed


async def measure() -> None:
    """Start, idle, load."""
    with tempfile.TemporaryDirectory() as home:
        async with ScriptedServer(model="weak-model", turns=[Turn(reply="Yes, indeed.")]) as weak:
            started = time.perf_counter()
            async with routed(Path(home), weak, None) as server:
                async with server.http() as http:
                    (await http.get("/health")).raise_for_status()
                print(f"start to first /health:   {time.perf_counter() - started:6.2f} s")
                print(f"CPU of the start:         {cpu_s(server.process.pid):6.2f} s")
                await asyncio.sleep(1)
                print(f"idle memory:              {resident_mb(server.process.pid):6.0f} MB")
                await load(server, prefix="warm", stream=False)
                for stream in (False, True):
                    cost_ms, rate = await load(server, prefix=f"measured {stream}", stream=stream)
                    kind = "streamed" if stream else "whole"
                    print(f"forwarded, {kind:9} CPU {cost_ms:6.2f} ms a request; {rate:6.0f} requests/s with its load")
                print(f"memory after {3 * REQUESTS} requests: {resident_mb(server.process.pid):6.0f} MB")


def main() -> None:
    """Measure and print."""
    print(machine())
    asyncio.run(measure())


if __name__ == "__main__":
    main()
