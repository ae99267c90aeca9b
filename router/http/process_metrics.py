"""What ``GET /metrics`` tells of the process itself, by the names that Prometheus's clients use."""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path

from router import __version__
from router.metrics import Family
from router.room import Room

PAGE = os.sysconf("SC_PAGE_SIZE")

STARTED = time.time()
"""When the process began, near enough: this is imported as it starts."""


def build_families(artifact: str) -> Iterator[Family]:
    """What runs here, and what decides.

    Args:
        artifact: name and version of the artifact in use.
    """
    versions = {"version": __version__, "python": platform.python_version(), "artifact": artifact}
    yield Family("underdog_build_info", "Versions, as labels of a constant 1.", "gauge", [(versions, 1)])


def process_families(room: Room) -> Iterator[Family]:
    """Requests being answered, CPU time, memory and open files where the system tells, and the event loop's tasks.

    Args:
        room: what the requests are in, from before their body is read until their last byte is sent.
    """
    yield Family("underdog_requests_in_flight", "Requests being answered.", "gauge", [({}, room.held)])
    yield Family(
        "underdog_requests_in_flight_limit", "Requests beyond which one more gets 429.", "gauge", [({}, room.most)]
    )
    yield Family("process_cpu_seconds_total", "CPU time, of user and system.", "counter", [({}, time.process_time())])
    yield Family("process_start_time_seconds", "When it started, in Unix time.", "gauge", [({}, STARTED)])
    with contextlib.suppress(OSError):  # no /proc
        resident = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE
        yield Family("process_resident_memory_bytes", "Resident memory, in bytes.", "gauge", [({}, resident)])
        files = sum(1 for _ in Path("/proc/self/fd").iterdir())
        yield Family("process_open_fds", "Open files and sockets.", "gauge", [({}, files)])
    yield Family("underdog_tasks", "Tasks of the event loop.", "gauge", [({}, len(asyncio.all_tasks()))])
