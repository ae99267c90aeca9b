"""What ``GET /metrics`` tells of the memory that local models use. GPUs go by number: their names are not ours."""

from __future__ import annotations

from collections.abc import Iterator

from router.hardware.pressure import MemoryWatch
from router.metrics import Family, Labels


def memory_families(watch: MemoryWatch) -> Iterator[Family]:
    """Every metric of memory; none where nobody looks at it."""
    seen = watch.seen
    if seen is None:
        return
    samples = [("memory", seen.memory.total, seen.memory.available)]
    samples += [(f"gpu-{number}", gpu.total, gpu.free) for number, gpu in enumerate(seen.gpus)]
    sizes: list[tuple[Labels, float]] = [
        ({"place": place, "kind": kind}, size)
        for place, total, free in samples
        for kind, size in (("total", total), ("free", free))
        if size is not None
    ]
    yield Family("underdog_memory_bytes", "Memory of this machine and of its GPUs: all, and free.", "gauge", sizes)
    tight: list[tuple[Labels, float]] = [({"place": place}, float(place in watch.tight)) for place, *_ in samples]
    yield Family("underdog_memory_tight", "1 where memory is tight, else 0.", "gauge", tight)
