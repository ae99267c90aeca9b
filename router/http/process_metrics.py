"""What ``GET /metrics`` tells of the process itself, by the names that Prometheus's clients use."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from router.metrics import Family
from router.room import Room

PAGE = os.sysconf("SC_PAGE_SIZE")


def process_families(room: Room) -> Iterator[Family]:
    """Requests being answered, memory and open files where the system tells of them, and the tasks of the event loop.

    Args:
        room: what the requests are in, from before their body is read until their last byte is sent.
    """
    yield Family("underdog_requests_in_flight", "Requests being answered.", "gauge", [({}, room.held)])
    yield Family(
        "underdog_requests_in_flight_limit", "Requests beyond which one more gets 429.", "gauge", [({}, room.most)]
    )
    with contextlib.suppress(OSError):  # no /proc
        resident = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE
        yield Family("process_resident_memory_bytes", "Resident memory, in bytes.", "gauge", [({}, resident)])
        files = sum(1 for _ in Path("/proc/self/fd").iterdir())
        yield Family("process_open_fds", "Open files and sockets.", "gauge", [({}, files)])
    yield Family("underdog_tasks", "Tasks of the event loop.", "gauge", [({}, len(asyncio.all_tasks()))])
