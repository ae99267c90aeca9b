"""Memory is watched while a server serves: said once when it gets tight, once when it is not, and shown."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path

import pytest

from router.hardware.parts import Gpu, Gpus, Memory
from router.hardware.pressure import Looker, MemoryWatch, Seen, is_tight, tight_places
from router.http.memory_metrics import memory_families
from router.metrics import render

GIB = 1024**3
MIB = 1024**2
PLENTY = Memory(32 * GIB, 20 * GIB)


def card(free: int) -> Gpu:
    return Gpu("nvidia", "RTX 4090", total=24 * GIB, free=free)


@pytest.mark.parametrize(
    ("total", "available", "tight"),
    [(32, 1.9, True), (32, 2.1, False), (8, 0.7, True), (8, 0.9, False), (512, 1.9, True), (512, 20, False)],
)
def test_memory_is_tight_below_a_tenth_or_two_gibibytes(total: int, available: float, tight: bool) -> None:
    assert is_tight(Memory(total * GIB, int(available * GIB))) is tight


def test_what_is_not_known_is_not_tight() -> None:
    assert not is_tight(Memory(None, None))
    assert tight_places(Seen(PLENTY, (Gpu("nvidia", "GB10", shared=True),))) == {}


def test_a_gpu_that_is_nearly_full_is_tight_by_its_number() -> None:
    places = tight_places(Seen(PLENTY, (card(4 * GIB), card(100 * MIB))))
    assert list(places) == ["gpu-1"]
    assert "RTX 4090" in places["gpu-1"]


def test_each_change_is_said_once_and_a_value_near_the_limit_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    watch = MemoryWatch(look=lambda: Seen(PLENTY))
    with caplog.at_level(logging.INFO, "underdog.memory"):
        for gib in (20.0, 1.9, 2.5, 1.8, 2.9, 4.0, 20.0):
            watch.note(Seen(Memory(32 * GIB, int(gib * GIB))))
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "1.9 GiB of 32.0 GiB" in caplog.text


async def test_it_looks_again_and_again(caplog: pytest.LogCaptureFixture) -> None:
    looks = iter([Seen(PLENTY), Seen(Memory(32 * GIB, GIB))])
    enough = asyncio.Event()

    def look() -> Seen:
        seen = next(looks, None)
        if seen is None:
            loop.call_soon_threadsafe(enough.set)
            return Seen(Memory(32 * GIB, GIB))
        return seen

    loop = asyncio.get_running_loop()
    watch = MemoryWatch(look, every_s=0.01)
    assert watch.state is None
    task = asyncio.create_task(watch.run())
    await asyncio.wait_for(enough.wait(), timeout=30)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert watch.state == "tight"


def test_metrics_show_each_place_by_number_and_nothing_where_nobody_looks() -> None:
    watch = MemoryWatch()
    assert list(memory_families(watch)) == []
    watch.note(Seen(PLENTY, (card(100 * MIB),)))
    shown = render(memory_families(watch))
    assert 'underdog_memory_bytes{place="gpu-0",kind="total"} 25769803776' in shown
    assert 'underdog_memory_tight{place="memory"} 0' in shown
    assert 'underdog_memory_tight{place="gpu-0"} 1' in shown
    assert "RTX" not in shown


def test_no_driver_is_loaded_where_there_is_no_gpu(tmp_path: Path) -> None:
    asked: list[int] = []

    def gpus() -> Gpus:
        asked.append(1)
        return Gpus((card(GIB),))

    assert Looker(tmp_path, gpus)().gpus == ()
    assert asked == []
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "nvidiactl").touch()
    look = Looker(tmp_path, gpus)
    assert look().gpus == (card(GIB),)
    assert look().gpus == (card(GIB),)
    assert len(asked) == 2


def test_a_broken_driver_is_asked_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "dxg").touch()
    asked: list[int] = []

    def gpus() -> Gpus:
        asked.append(1)
        return Gpus(troubles=("The NVIDIA driver does not answer.",))

    look = Looker(tmp_path, gpus)
    assert (look().gpus, look().gpus, len(asked)) == ((), (), 1)
    assert "does not answer" in caplog.text
