"""Time for the cache: a clock that only goes forward while a server runs, and one that holds across restarts.

A running server measures ages by ``elapsed_s``, which nobody can set. What a file says must outlive the process, so it
is told in *file time*: wall-clock seconds, but carried on from the last ``Anchor`` in the file rather than read off the
wall. Within one boot of the machine the kernel's own clock says how long it has been since, whatever was done to the
wall clock meanwhile. After a reboot the wall clock must be believed, unless it has gone backwards: then nobody knows
how old the answers are.
"""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import NamedTuple

TOLERANCE_S = 60.0
"""Seconds that the wall clock may seem to go back by over a reboot before it is disbelieved: clocks are set at boot."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def elapsed_s() -> float:
    """Seconds since some moment in the past. They never go back, and go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Anchor(NamedTuple):
    """One moment, by each clock: file time, ``elapsed_s``, and the boot that the latter counts in ("": not known)."""

    file_s: float
    elapsed_s: float
    boot: str


def anchored_now() -> Anchor:
    """This moment, the wall clock taken for file time."""
    return Anchor(time.time(), elapsed_s(), _boot())


def carried_on(last: Anchor, here: Anchor) -> Anchor | None:
    """This moment in the file time of an earlier one.

    Args:
        last: as the file has it.
        here: as ``anchored_now`` gives it.

    Returns:
        None where the wall clock has gone backwards over a reboot: what is in the file may be of any age.
    """
    if last.boot and last.boot == here.boot and here.elapsed_s >= last.elapsed_s:
        return here._replace(file_s=last.file_s + here.elapsed_s - last.elapsed_s)
    if here.file_s >= last.file_s:
        return here
    if here.file_s >= last.file_s - TOLERANCE_S:
        return here._replace(file_s=last.file_s + TOLERANCE_S)
    return None


@cache  # a process ends with its boot
def _boot() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
