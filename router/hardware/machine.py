"""The whole machine, looked at once."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from msgspec import Struct

from router.hardware import apple, linux, sysfs
from router.hardware.nvidia import nvidia_gpus
from router.hardware.parts import Cpu, Disk, Gpus, Memory


class Machine(Struct, frozen=True):
    """What models run on."""

    cpu: Cpu
    memory: Memory
    disk: Disk
    gpus: Gpus = Gpus()


def look_at_machine(home: Path) -> Machine:
    """Look at everything. Blocks, for some tenths of a second where there are GPUs to wake.

    Args:
        home: the server's home folder, whose disk counts.
    """
    return Machine(look_at_cpu(), look_at_memory(), look_at_disk(home), look_at_gpus())


def look_at_cpu() -> Cpu:
    """The processor."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return apple.mac_cpu(cores) if sys.platform == "darwin" else linux.linux_cpu(cores)


def look_at_memory() -> Memory:
    """The main memory: on Linux three small files."""
    return apple.mac_memory() if sys.platform == "darwin" else linux.linux_memory()


def look_at_disk(home: Path) -> Disk:
    """The disk of ``home``, which need not be there yet."""
    there = next((folder for folder in (home, *home.absolute().parents) if folder.exists()), Path())
    try:
        usage = shutil.disk_usage(there)
    except OSError:
        return Disk(str(home), None, None)
    return Disk(str(home), usage.total, usage.free)


def look_at_gpus() -> Gpus:
    """The GPUs of every maker."""
    if sys.platform == "darwin":
        return apple.mac_gpus()
    nvidia = nvidia_gpus()
    cards = sysfs.cards_of(sysfs.NVIDIA)
    if cards and nvidia == Gpus():
        nvidia = Gpus(
            troubles=("There is an NVIDIA GPU, but no driver. Install NVIDIA's driver, so that models use it.",)
        )
    return nvidia + sysfs.amd_gpus()
