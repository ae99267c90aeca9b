"""NVIDIA's GPUs, through the driver's own library (NVML).

By ``nvidia-ml-py``, NVIDIA's own binding. It loads the library only when asked to: importing it needs no driver.
"""

from __future__ import annotations

import contextlib
import threading
from typing import Any

from msgspec.structs import replace

from router.hardware.parts import Gpu, Gpus

PATIENCE_S = 10.0
"""How long a driver may take: a hung one may never answer. To wake a sleeping GPU takes seconds."""

REMEDY = "Reboot, or install the driver anew."


def nvidia_gpus(patience_s: float = PATIENCE_S) -> Gpus:
    """All GPUs that the driver tells of; none, without a word, where there is no driver.

    Blocks for as long as the driver takes, ``patience_s`` at most.
    """
    answers: list[Gpus] = []
    # A daemon: a call into a hung driver cannot be ended, and must not keep the process from ending.
    asking = threading.Thread(target=lambda: answers.append(_ask()), daemon=True)
    asking.start()
    asking.join(patience_s)
    return answers[0] if answers else Gpus(troubles=(f"The NVIDIA driver does not answer. {REMEDY}",))


def _ask() -> Gpus:
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError_LibraryNotFound:
        return Gpus()
    except pynvml.NVMLError as error:
        return Gpus(troubles=(f"The NVIDIA driver is broken: {_said(error)}. {REMEDY}",))
    try:
        return _all(pynvml)
    except pynvml.NVMLError as error:
        return Gpus(troubles=(f"The NVIDIA driver failed: {_said(error)}. {REMEDY}",))
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _all(nvml: Any) -> Gpus:
    driver = _or_none(nvml, nvml.nvmlSystemGetDriverVersion)
    gpus = Gpus()
    for place in range(nvml.nvmlDeviceGetCount()):
        try:
            gpus += _device(nvml, place, driver)
        except nvml.NVMLError as error:
            gpus += Gpus(troubles=(f"NVIDIA GPU {place} cannot be used: {_said(error)}. {REMEDY}",))
    return gpus


def _device(nvml: Any, place: int, driver: str | None) -> Gpus:
    """One GPU; of one that is cut into slices, the slices, since nothing runs on the whole."""
    handle = nvml.nvmlDeviceGetHandleByIndex(place)
    name = str(nvml.nvmlDeviceGetName(handle))
    mode = _or_none(nvml, lambda: nvml.nvmlDeviceGetMigMode(handle))
    if mode is None or mode[0] != nvml.NVML_DEVICE_MIG_ENABLE:
        return Gpus((_gpu(nvml, handle, name, driver),))
    slices = tuple(
        replace(_gpu(nvml, part, _slice_name(nvml, part, name), driver), slice=True) for part in _slices(nvml, handle)
    )
    if slices:
        return Gpus(slices)
    return Gpus(troubles=(f"{name}: MIG is on, but it has no instances. Create one with nvidia-smi, or turn MIG off.",))


def _slice_name(nvml: Any, part: Any, whole: str) -> str:
    return str(_or_none(nvml, lambda: nvml.nvmlDeviceGetName(part)) or f"{whole} MIG")


def _slices(nvml: Any, handle: Any) -> list[Any]:
    found = []
    for place in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
        # Places without an instance are not found.
        with contextlib.suppress(nvml.NVMLError_NotFound, nvml.NVMLError_InvalidArgument):
            found.append(nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, place))
    return found


def _gpu(nvml: Any, handle: Any, name: str, driver: str | None) -> Gpu:
    try:
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    except nvml.NVMLError_NotSupported:
        # GPUs that share the main memory (Jetson, GB10) say so.
        return Gpu("nvidia", name, driver=driver, shared=True)
    return Gpu("nvidia", name, total=int(memory.total), free=int(memory.free), driver=driver)


def _or_none(nvml: Any, ask: Any) -> Any:
    """What an older driver or a smaller GPU may not know."""
    with contextlib.suppress(nvml.NVMLError_NotSupported, nvml.NVMLError_FunctionNotFound):
        return ask()
    return None


def _said(error: Exception) -> str:
    return str(error).rstrip(".")
