"""The parts of a machine. Sizes are in bytes; None is what nobody told."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Vendor = Literal["nvidia", "amd", "apple", "other"]


class Cpu(Struct, frozen=True):
    """``name`` as the system has it; ``cores`` is how many threads this process may keep busy."""

    name: str | None
    cores: int


class Memory(Struct, frozen=True):
    """Main memory. ``available``: what programs may still take. ``limited``: by a container, below the machine's."""

    total: int | None
    available: int | None
    limited: bool = False


class Disk(Struct, frozen=True):
    """The file system that ``path`` lies on, or will."""

    path: str
    total: int | None
    free: int | None


class Gpu(Struct, frozen=True):
    """One GPU, or one slice of it (MIG).

    ``shared``: it has no memory of its own, but takes from the main memory. ``slice``: a slice, which works alone.
    ``driver`` is the driver's version.
    """

    vendor: Vendor
    name: str
    total: int | None = None
    free: int | None = None
    driver: str | None = None
    shared: bool = False
    slice: bool = False


class Gpus(Struct, frozen=True):
    """What GPUs were found, and sentences about those that cannot be used."""

    found: tuple[Gpu, ...] = ()
    troubles: tuple[str, ...] = ()

    def __add__(self, other: Gpus) -> Gpus:
        return Gpus(self.found + other.found, self.troubles + other.troubles)
