"""GPUs that the Linux kernel tells of by files: AMD's memory, and cards that no driver serves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from router.hardware.parts import Gpu, Gpus

AMD = "0x1002"
NVIDIA = "0x10de"
ROOT = Path("/")

_CARD = re.compile(r"card\d+$")
_DISPLAY_CLASS = "0x03"


def amd_gpus(root: Path = ROOT) -> Gpus:
    """What the driver ``amdgpu`` tells of memory; ROCm is not asked for.

    Args:
        root: where ``sys`` lies.
    """
    gpus = Gpus()
    for device in _cards(root):
        if _text(device / "vendor") != AMD:
            continue
        name = _text(device / "product_name") or f"AMD GPU {_text(device / 'device') or ''}".strip()
        total = _number(device / "mem_info_vram_total")
        used = _number(device / "mem_info_vram_used")
        if total is None or used is None:
            gpus += Gpus(troubles=(f"{name}: its driver tells nothing of its memory. Is `amdgpu` loaded?",))
        else:
            gpus += Gpus((Gpu("amd", name, total=total, free=max(total - used, 0), driver=_driver(root)),))
    return gpus


def cards_of(vendor: str, root: Path = ROOT) -> int:
    """How many display adapters of a vendor (``0x10de``) are on the PCI bus, with a driver or without."""
    return sum(
        _text(device / "vendor") == vendor and (_text(device / "class") or "").startswith(_DISPLAY_CLASS)
        for device in _children(root / "sys/bus/pci/devices")
    )


def _cards(root: Path) -> Iterator[Path]:
    for card in _children(root / "sys/class/drm"):
        if _CARD.match(card.name):
            yield card / "device"


def _driver(root: Path) -> str | None:
    """The version of a driver that AMD built; the kernel's own has none but the kernel's."""
    own = _text(root / "sys/module/amdgpu/version")
    kernel = _text(root / "proc/sys/kernel/osrelease")
    return own or (f"kernel {kernel}" if kernel else None)


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:
        return None


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text and text.isdecimal() else None
