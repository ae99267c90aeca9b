"""What it costs to keep answers over restarts. Run: ``python -m tests.bench.cache_store [--entries N ...] [--json]``.

For each size: CPU of a store as the request feels it, and of the thread that writes behind it; bytes of an entry on
disk and in memory; then, in a process of its own, how long reading the file takes, and how long an exact lookup has to
wait while it is being read. Vectors are those of real questions, perturbed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from router.cache import CacheFile, SemanticCache, elapsed_s
from router.cache.index import FloatArray
from router.scoring.scorer import Scorer
from router.types import ChatRequest
from tests.bench.cache_lookup import answer, body_of, question
from tests.bench.machine import machine

SIZES = (10_000, 100_000)
REAL = 1_000
NOISE = 0.3
"""Length of the random vector that is added to a real one."""

ENCODER = "bench"


def perturbed(count: int) -> Callable[[str], FloatArray]:
    """An encoder that gives the next of ``count`` vectors: real ones, each moved a little at random."""
    scorer = Scorer.load()
    real = np.array([scorer.encode(question(number)) for number in range(min(REAL, count))])
    generator = np.random.default_rng(0)

    def encode(text: str) -> FloatArray:
        vector = real[generator.integers(len(real))]
        noise = generator.standard_normal(vector.shape[0]).astype(np.float32)
        moved = vector + NOISE * noise / np.linalg.norm(noise)
        unit: FloatArray = moved / np.linalg.norm(moved)
        return unit

    return encode


def ticket(cache: SemanticCache, text: str) -> Any:
    """The ticket of a plain request."""
    body = body_of(text)
    request = msgspec.convert(body, ChatRequest)
    return cache.ticket(tenant="t", policy="p", request=request, body=body, encoder=ENCODER)


def opened(path: Path | None, size: int) -> SemanticCache:
    """A cache with room for ``size`` entries and more."""
    file = CacheFile(path, encoder=ENCODER) if path else None
    return SemanticCache(max_entries=2 * size, max_bytes=2**40, file=file, clock=elapsed_s)


def filled(cache: SemanticCache, size: int) -> list[float]:
    """Store ``size`` answers; gives CPU microseconds of the storing thread for each, the making of vectors left out."""
    kept = msgspec.structs.replace(answer(), cost_usd=Decimal("0.0012"))
    encode = perturbed(size)
    taken = []
    for number in range(size):
        asked = ticket(cache, question(number))
        asked.vector = encode("")
        started = time.thread_time_ns()
        cache.store(asked, kept, encode)
        taken.append((time.thread_time_ns() - started) / 1000)
    return taken


def measure_writing(path: Path, size: int) -> dict[str, float]:
    """Fill two caches, one with a file and one without."""
    bare = filled(opened(None, size), min(size, 10_000))
    cache = opened(path, size)
    cache.start()
    started, stored = time.process_time(), filled(cache, size)
    cache.close()
    spent = time.process_time() - started
    stats = cache.stats()
    return {
        "entries": size,
        "store_us_p50": statistics.median(stored),
        "store_us_p50_without_a_file": statistics.median(bare),
        "process_us_per_store": 1e6 * spent / size,
        "bytes_in_memory_by_own_count": stats.bytes / size,
        "bytes_on_disk": path.stat().st_size / size,
    }


def measure_reading(path: Path, size: int) -> dict[str, float]:
    """Read the file in this process while looking up, every millisecond, an answer that is not there."""
    before = resident_mb()
    cache = opened(path, size)
    idle = waits_for_lookups(cache, lambda count: count < 1_000)
    cpu, began = time.process_time(), time.monotonic()
    cache.start()
    waits = waits_for_lookups(cache, lambda _: cache.stats().file.state != "ready")
    taken = time.monotonic() - began
    spent = time.process_time() - cpu
    loaded = cache.stats().entries
    resident = resident_mb() - before
    cache.close()
    return {
        "loaded": loaded,
        "load_s": taken,
        "load_cpu_s": spent,
        "resident_mb": resident,
        "lookup_wait_ms_p99": waits[int(0.99 * len(waits))],
        "lookup_wait_ms_max": waits[-1],
        "lookup_wait_ms_p99_while_idle": idle[int(0.99 * len(idle))],
        "lookup_wait_ms_max_while_idle": idle[-1],
    }


def waits_for_lookups(cache: SemanticCache, go_on: Callable[[int], bool]) -> list[float]:
    """Milliseconds of an exact lookup made every millisecond, ascending."""
    absent = ticket(cache, "not there")
    waits: list[float] = []
    while go_on(len(waits)):
        started = time.perf_counter()
        cache.exact(absent)
        waits.append((time.perf_counter() - started) * 1000)
        time.sleep(0.001)
    return sorted(waits)


def resident_mb() -> float:
    """Resident memory of this process, in MB."""
    fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return int(fields[1]) * 4096 / 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cache_store", description=__doc__)
    parser.add_argument("--entries", type=int, nargs="+", default=SIZES, help="sizes of the cache")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--read", type=Path, help="only read this file")
    options = parser.parse_args()
    if options.read:
        print(json.dumps(measure_reading(options.read, options.entries[0])))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for size in options.entries:
            path = Path(folder) / f"{size}.sqlite3"
            written = measure_writing(path, size)
            command = [sys.executable, "-m", "tests.bench.cache_store", "--entries", str(size), "--read", str(path)]
            read = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
            rows.append(written | read)
    if options.json:
        print(json.dumps({"machine": machine(), "sizes": rows}))
        return
    print(machine())
    for row in rows:
        for name, value in row.items():
            print(f"  {name:<32} {value:12,.2f}")


if __name__ == "__main__":
    main()
