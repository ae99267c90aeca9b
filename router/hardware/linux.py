"""Processor and memory as Linux tells, within the bounds of a container."""

from __future__ import annotations

import re
from pathlib import Path

from router.hardware.parts import Cpu, Memory

ROOT = Path("/")

_MODEL = re.compile(r"^model name\s*:\s*(.+)$", re.MULTILINE)
_KIBIBYTES = re.compile(r"^(MemTotal|MemAvailable):\s+(\d+) kB$", re.MULTILINE)
_INACTIVE = re.compile(r"^inactive_file (\d+)$", re.MULTILINE)


def linux_cpu(cores: int, root: Path = ROOT) -> Cpu:
    """The processor, and the cores that a container's quota leaves of ``cores``."""
    name = _MODEL.search(_read(root / "proc/cpuinfo"))
    quota = _read(root / "sys/fs/cgroup/cpu.max").split()
    if len(quota) == 2 and quota[0].isdecimal() and quota[1].isdecimal() and int(quota[1]):
        cores = min(cores, max(1, int(quota[0]) // int(quota[1])))
    return Cpu(name[1].strip() if name else None, cores)


def linux_memory(root: Path = ROOT) -> Memory:
    """Main memory, or the container's share of it (control groups of the second version)."""
    told = {name: int(kibibytes) * 1024 for name, kibibytes in _KIBIBYTES.findall(_read(root / "proc/meminfo"))}
    total, available = told.get("MemTotal"), told.get("MemAvailable")
    limit, used = _read(root / "sys/fs/cgroup/memory.max"), _read(root / "sys/fs/cgroup/memory.current")
    if not (limit.isdecimal() and used.isdecimal()) or (total is not None and int(limit) >= total):
        return Memory(total, available)
    # Pages of files that were read count as used, though they are given up when somebody needs them.
    files = _INACTIVE.search(_read(root / "sys/fs/cgroup/memory.stat"))
    left = max(int(limit) - int(used) + (int(files[1]) if files else 0), 0)
    return Memory(int(limit), left if available is None else min(left, available), limited=True)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
