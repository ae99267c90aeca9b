"""What the machine has: processor, memory, disk and GPUs, as far as it tells without anything installed for it."""

from router.hardware.machine import Machine, look_at_machine
from router.hardware.parts import Cpu, Disk, Gpu, Gpus, Memory

__all__ = ["Cpu", "Disk", "Gpu", "Gpus", "Machine", "Memory", "look_at_machine"]
