"""Processor, memory, disk, AMD's and Apple's GPUs: read from what such machines really say."""

from __future__ import annotations

from pathlib import Path

from router.hardware import look_at_machine
from router.hardware.apple import mac_cpu, mac_gpus, mac_memory, run_command
from router.hardware.linux import linux_cpu, linux_memory
from router.hardware.parts import Cpu, Gpu, Memory
from router.hardware.sysfs import NVIDIA, amd_gpus, cards_of

GIB = 1024**3

MEMINFO = "MemTotal:       32657764 kB\nMemFree:         1204000 kB\nMemAvailable:   21000000 kB\nBuffers: 1 kB\n"
VM_STAT = """Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                               100000.
Pages active:                             400000.
Pages inactive:                           300000.
Pages speculative:                         10000.
Pages purgeable:                            5000.
"""
M3 = """{"SPDisplaysDataType": [{"_name": "Apple M3 Pro", "spdisplays_vendor": "sppci_vendor_Apple",
"sppci_bus": "spdisplays_builtin", "sppci_cores": "14", "sppci_model": "Apple M3 Pro"}]}"""
RADEON = """{"SPDisplaysDataType": [{"_name": "kHW_AMDRadeonPro5500MItem", "spdisplays_vram": "8 GB",
"spdisplays_vendor": "sppci_vendor_amd", "sppci_model": "AMD Radeon Pro 5500M"}]}"""


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def card(**files: str) -> dict[str, str]:
    return {f"sys/class/drm/card0/device/{name}": text + "\n" for name, text in files.items()}


def test_this_machine_tells_of_itself(tmp_path: Path) -> None:
    machine = look_at_machine(tmp_path / "not" / "there" / "yet")
    assert machine.cpu.cores >= 1
    assert machine.memory.total is not None
    assert machine.memory.available is not None
    assert 0 < machine.memory.available <= machine.memory.total
    assert machine.disk.free is not None
    assert machine.disk.path.endswith("yet")


def test_memory_is_the_machines(tmp_path: Path) -> None:
    root = write(tmp_path, {"proc/meminfo": MEMINFO, "sys/fs/cgroup/memory.max": "max\n"})
    assert linux_memory(root) == Memory(32657764 * 1024, 21000000 * 1024)


def test_a_container_has_its_share_of_memory_and_cores(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/meminfo": MEMINFO,
            "proc/cpuinfo": "processor : 0\nmodel name\t: AMD Ryzen 9 7950X 16-Core Processor\n",
            "sys/fs/cgroup/memory.max": str(8 * GIB),
            "sys/fs/cgroup/memory.current": str(6 * GIB),
            "sys/fs/cgroup/memory.stat": f"anon {4 * GIB}\ninactive_file {2 * GIB}\n",
            "sys/fs/cgroup/cpu.max": "250000 100000\n",
        },
    )
    assert linux_memory(root) == Memory(8 * GIB, 4 * GIB, limited=True)
    assert linux_cpu(32, root) == Cpu("AMD Ryzen 9 7950X 16-Core Processor", 2)


def test_a_system_that_tells_nothing_is_unknown_and_no_error(tmp_path: Path) -> None:
    assert linux_memory(tmp_path) == Memory(None, None)
    assert linux_cpu(4, tmp_path) == Cpu(None, 4)
    assert amd_gpus(tmp_path).found == ()
    assert cards_of(NVIDIA, tmp_path) == 0


def test_amds_driver_tells_of_its_memory(tmp_path: Path) -> None:
    total, used = 24 * GIB, 2 * GIB
    root = write(
        tmp_path,
        card(vendor="0x1002", device="0x744c", mem_info_vram_total=str(total), mem_info_vram_used=str(used))
        | {"proc/sys/kernel/osrelease": "6.12.3\n", "sys/class/drm/card0-DP-1/status": "connected\n"},
    )
    assert amd_gpus(root).found == (
        Gpu("amd", "AMD GPU 0x744c", total=total, free=total - used, driver="kernel 6.12.3"),
    )


def test_an_amd_gpu_without_its_driver_is_named(tmp_path: Path) -> None:
    told = amd_gpus(write(tmp_path, card(vendor="0x1002", product_name="AMD Instinct MI210")))
    assert told.found == ()
    assert "AMD Instinct MI210: its driver tells nothing" in told.troubles[0]


def test_a_card_of_another_maker_is_not_amds(tmp_path: Path) -> None:
    root = write(tmp_path, card(vendor="0x8086", mem_info_vram_total="1", mem_info_vram_used="0"))
    assert amd_gpus(root).found == ()


def test_display_adapters_on_the_bus_are_counted_with_or_without_a_driver(tmp_path: Path) -> None:
    bus = "sys/bus/pci/devices/0000:01:00"
    files = {f"{bus}.0/vendor": "0x10de\n", f"{bus}.0/class": "0x030000\n"}
    files |= {f"{bus}.1/vendor": "0x10de\n", f"{bus}.1/class": "0x040300\n"}  # its sound
    assert cards_of(NVIDIA, write(tmp_path, files)) == 1


def test_a_mac_tells_of_its_memory_and_processor() -> None:
    said = {"hw.memsize": "19327352832\n", "machdep.cpu.brand_string": "Apple M3 Pro\n", "vm_stat": VM_STAT}

    def run(command: list[str]) -> str:
        return next((text for name, text in said.items() if name in " ".join(command)), "")

    assert mac_memory(run) == Memory(19327352832, 16384 * 415_000)
    assert mac_cpu(12, run) == Cpu("Apple M3 Pro", 12)


def test_apples_gpus_share_the_main_memory() -> None:
    assert mac_gpus(lambda _: M3).found == (Gpu("apple", "Apple M3 Pro", shared=True),)
    assert mac_gpus(lambda _: RADEON).found == (Gpu("amd", "AMD Radeon Pro 5500M", total=8 * GIB),)


def test_a_mac_that_tells_nothing_is_unknown() -> None:
    assert mac_gpus(lambda _: "").found == ()
    assert mac_memory(lambda _: "") == Memory(None, None)
    assert run_command(["/nowhere/at-all"]) == ""
