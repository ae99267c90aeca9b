"""Whether memory is tight: judged from what a look at it told, and watched while a server serves."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from msgspec import Struct

from router.hardware import sysfs
from router.hardware.machine import look_at_gpus, look_at_memory
from router.hardware.parts import Gpu, Gpus, Memory

logger = logging.getLogger("underdog.memory")

MIB = 1024**2
GIB = 1024**3

EVERY_S = 15.0

TIGHT_SHARE = 0.1
TIGHT_BYTES = 2 * GIB
"""Main memory is tight below a tenth of it, and below this where that is less."""

TIGHT_GPU_BYTES = 256 * MIB
"""A GPU's is tight below this: servers of models fill it on purpose, but need some room to compute."""

RELAXED = 1.5
"""It is tight no longer above so many times the limit, so that a value near it does not fill the log."""

_SIGNS_OF_NVIDIA = ("dev/nvidiactl", "dev/dxg", "proc/driver/nvidia/version")


class Seen(Struct, frozen=True):
    """One look at the memory that models use."""

    memory: Memory
    gpus: tuple[Gpu, ...] = ()


def is_tight(memory: Memory, relaxed: float = 1.0) -> bool:
    """Whether so little main memory is left that a model may push something out of it. Unknown is not tight."""
    if memory.total is None or memory.available is None:
        return False
    return memory.available < relaxed * min(memory.total * TIGHT_SHARE, TIGHT_BYTES)


def tight_places(seen: Seen, before: frozenset[str] = frozenset()) -> dict[str, str]:
    """The places where memory is tight (``memory``, ``gpu-0``), and what is left there.

    Args:
        seen: what there is.
        before: the places that were tight at the last look.
    """
    tight = {}
    if is_tight(seen.memory, RELAXED if "memory" in before else 1.0):
        tight["memory"] = f"{_size(seen.memory.available)} of {_size(seen.memory.total)} of the main memory are free"
    for number, gpu in enumerate(seen.gpus):
        place = f"gpu-{number}"
        limit = TIGHT_GPU_BYTES * (RELAXED if place in before else 1.0)
        if gpu.free is not None and gpu.free < limit:
            tight[place] = f"{_size(gpu.free)} of {_size(gpu.total)} of the memory of {gpu.name} are free"
    return tight


class MemoryWatch:
    """Looks at the memory of this machine now and then, for servers that have models on it.

    Args:
        look: what to look with; blocks, in a thread.
        every_s: seconds between two looks.

    Attributes:
        seen: the last look; None before the first, and where nobody looks.
        tight: the places where memory is tight.
    """

    def __init__(self, look: Callable[[], Seen] | None = None, every_s: float = EVERY_S) -> None:
        self.seen: Seen | None = None
        self.tight: dict[str, str] = {}
        self._look = look or Looker()
        self._every_s = every_s

    @property
    def state(self) -> Literal["ok", "tight"] | None:
        """For people; None where it is not known."""
        if self.seen is None:
            return None
        return "tight" if self.tight else "ok"

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self.note(await asyncio.to_thread(self._look))
            await asyncio.sleep(self._every_s)

    def note(self, seen: Seen) -> None:
        """Take up a look, and say what has changed."""
        before, self.seen = self.tight, seen
        self.tight = tight_places(seen, frozenset(before))
        for place, said in self.tight.items():
            if place not in before:
                logger.warning("memory is tight: %s; local models may fail or slow down, see `underdog doctor`", said)
        for place in before.keys() - self.tight.keys():
            logger.info("memory is no longer tight (%s)", place)


class Looker:
    """Looks at main memory each time, and at GPUs where the system has any whose driver answers.

    Args:
        root: where ``sys``, ``dev`` and ``proc`` lie.
        gpus: what to ask for GPUs.
    """

    def __init__(self, root: Path = Path("/"), gpus: Callable[[], Gpus] = look_at_gpus) -> None:
        self._gpus = gpus
        # On a Mac they share the main memory, and to ask takes a second.
        self._ask_gpus = sys.platform != "darwin" and _may_have_gpus(root)

    def __call__(self) -> Seen:
        """One look."""
        if not self._ask_gpus:
            return Seen(look_at_memory())
        gpus = self._gpus()
        if not gpus.found:
            # A broken driver is not asked again: one that hangs would hold a thread each time.
            self._ask_gpus = False
        for trouble in gpus.troubles:
            logger.warning("%s", trouble)
            self._ask_gpus = False
        return Seen(look_at_memory(), gpus.found)


def _may_have_gpus(root: Path) -> bool:
    """Whether it is worth loading a driver's library."""
    if any((root / sign).exists() for sign in _SIGNS_OF_NVIDIA):
        return True
    return any(sysfs.cards_of(vendor, root) for vendor in (sysfs.NVIDIA, sysfs.AMD))


def _size(size: int | None) -> str:
    return "unknown" if size is None else f"{size / GIB:.1f} GiB"
