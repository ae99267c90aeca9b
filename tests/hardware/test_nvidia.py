"""NVIDIA's GPUs, against a driver library that the tests build: the real binding loads it in a child process."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from router.hardware.nvidia import nvidia_gpus
from router.hardware.parts import Gpu, Gpus
from tests.hardware.fake_driver import build_fake_driver, run_with_driver

GIB = 1024**3
ASK = (
    "import msgspec; from router.hardware.nvidia import nvidia_gpus; "
    "print(msgspec.json.encode(nvidia_gpus(patience_s={patience})).decode())"
)
RTX_4090 = Gpu("nvidia", "NVIDIA GeForce RTX 4090", total=24 * GIB, free=23 * GIB, driver="575.64.03")
RTX_3060 = Gpu("nvidia", "NVIDIA GeForce RTX 3060", total=12 * GIB, free=11 * GIB, driver="575.64.03")
SLICE = Gpu(
    "nvidia", "NVIDIA H100 80GB HBM3 MIG 3g.40gb", total=40 * GIB, free=39 * GIB, driver="575.64.03", slice=True
)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_fake_driver(tmp_path_factory.mktemp("driver"))


def gpus(driver: Path, plays: str, patience: float = 60) -> Gpus:
    done = run_with_driver(driver, plays, "-c", ASK.format(patience=patience))
    assert done.returncode == 0, done.stderr
    return msgspec.json.decode(done.stdout, type=Gpus)


@pytest.mark.parametrize(
    ("plays", "found"),
    [
        ("one", (RTX_4090,)),
        ("two", (RTX_4090, RTX_3060)),
        ("none", ()),
        ("mig", (SLICE, SLICE)),
        ("unified", (Gpu("nvidia", "NVIDIA GB10", driver="575.64.03", shared=True),)),
    ],
)
def test_each_gpu_is_told_with_its_memory_and_driver(driver: Path, plays: str, found: tuple[Gpu, ...]) -> None:
    assert gpus(driver, plays) == Gpus(found)


@pytest.mark.parametrize(
    ("plays", "said"),
    [
        ("not-loaded", "The NVIDIA driver is broken: Driver Not Loaded. Reboot"),
        ("mismatch", "NVML/RM version mismatch"),
        ("count-fails", "The NVIDIA driver failed: Unknown Error"),
        ("memory-fails", "NVIDIA GPU 0 cannot be used: Unknown Error"),
        ("mig-empty", "MIG is on, but it has no instances"),
    ],
)
def test_a_broken_driver_is_a_sentence_and_no_crash(driver: Path, plays: str, said: str) -> None:
    told = gpus(driver, plays)
    assert told.found == ()
    assert len(told.troubles) == 1
    assert said in told.troubles[0]


def test_one_lost_gpu_does_not_hide_the_other(driver: Path) -> None:
    told = gpus(driver, "one-lost")
    assert told.found == (RTX_3060,)
    assert "NVIDIA GPU 0 cannot be used: GPU is lost" in told.troubles[0]


def test_a_driver_that_hangs_holds_up_nobody(driver: Path) -> None:
    assert "does not answer" in gpus(driver, "hung", patience=0.5).troubles[0]


def test_without_a_driver_there_is_nothing_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    import pynvml

    def missing() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", missing)
    assert nvidia_gpus() == Gpus()
