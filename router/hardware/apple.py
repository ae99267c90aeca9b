"""What macOS tells, by the commands that it brings."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from router.hardware.parts import Cpu, Gpu, Gpus, Memory

Run = Callable[[list[str]], str]
"""Runs a command; gives what it wrote, or nothing where it failed."""

TIMEOUT_S = 10.0

_PAGE = re.compile(r"page size of (\d+) bytes")
_PAGES = re.compile(r"^Pages (free|inactive|purgeable|speculative):\s+(\d+)\.$", re.MULTILINE)
_SIZE = re.compile(r"(\d+)\s*([GM])B", re.IGNORECASE)


def run_command(command: list[str]) -> str:
    """Run one of the commands here. No shell, and nothing in it comes from outside."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    return done.stdout


def mac_cpu(cores: int, run: Run = run_command) -> Cpu:
    """The processor, such as ``Apple M3 Pro``."""
    return Cpu(run(["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]).strip() or None, cores)


def mac_memory(run: Run = run_command) -> Memory:
    """Main memory; pages that nobody works with count as available."""
    total = run(["/usr/sbin/sysctl", "-n", "hw.memsize"]).strip()
    pages = run(["/usr/bin/vm_stat"])
    size = _PAGE.search(pages)
    available = int(size[1]) * sum(int(count) for _, count in _PAGES.findall(pages)) if size else None
    return Memory(int(total) if total.isdecimal() else None, available)


class _Card(Struct):
    sppci_model: str = "GPU"
    spdisplays_vram: str = ""
    sppci_vendor: str = ""
    spdisplays_vendor: str = ""


class _Displays(Struct):
    SPDisplaysDataType: list[_Card] = []


def mac_gpus(run: Run = run_command) -> Gpus:
    """The GPUs. Apple's own share the main memory; older cards tell what they have, and not what is free of it."""
    written = run(["/usr/sbin/system_profiler", "SPDisplaysDataType", "-json"])
    try:
        cards = msgspec.json.decode(written.encode(), type=_Displays).SPDisplaysDataType
    except msgspec.DecodeError:
        return Gpus()
    return Gpus(tuple(_gpu(card) for card in cards))


def _gpu(card: _Card) -> Gpu:
    makers = f"{card.sppci_model} {card.sppci_vendor} {card.spdisplays_vendor}".lower()
    vendor: Any = next((vendor for vendor in ("apple", "amd", "nvidia") if vendor in makers), "other")
    size = _SIZE.search(card.spdisplays_vram)
    total = int(size[1]) * 1024 ** (3 if size[2].upper() == "G" else 2) if size else None
    return Gpu(vendor, card.sppci_model, total=total, shared=vendor == "apple")
