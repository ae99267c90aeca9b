"""A Dask scheduler with two workers on the loopback address, as processes of their own, and connections to it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

pytest.importorskip("distributed", reason="the extra 'dask' is not installed")

from training.cluster import connect
from training.cluster.connect import Cluster, cluster

PATIENCE_S = 90.0
SETTINGS = {
    # Work is moved between workers as early as it would be on a machine fifty times slower.
    "DASK_DISTRIBUTED__SCHEDULER__WORK_STEALING_INTERVAL": "2ms",
    # How much memory a machine has is no matter here.
    "DASK_DISTRIBUTED__WORKER__MEMORY__PAUSE": "false",
    "DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE": "false",
}

ALONE = ("--host", "127.0.0.1", "--no-dashboard", "--dashboard-address", "127.0.0.1:0")


@contextmanager
def dask_process(*words: str, folder: Path, log: str, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """A ``dask`` command that runs until the block ends; ``log`` names its file in ``folder``."""
    path = os.pathsep.join(filter(None, (environ.pop("PYTHONPATH", ""), str(Path(__file__).resolve().parents[3]))))
    guard = ["setpriv", "--pdeathsig", "TERM", "--"] if shutil.which("setpriv") else []  # it goes where the tests go
    command = [*guard, sys.executable, "-m", "dask", *words, *ALONE]
    with (folder / log).open("wb") as sink:
        process = subprocess.Popen(
            command, cwd=folder, stdout=sink, stderr=sink, env={**os.environ, **SETTINGS, **environ, "PYTHONPATH": path}
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


class Running(NamedTuple):
    """A scheduler: its address and its process."""

    url: str
    process: subprocess.Popen[bytes]


@contextmanager
def scheduler(folder: Path) -> Iterator[Running]:
    """A scheduler that has no worker yet."""
    about = folder / "scheduler.json"
    words = ["scheduler", "--port", "0", "--scheduler-file", str(about)]
    with dask_process(*words, folder=folder, log="scheduler.log") as process:
        deadline = time.monotonic() + PATIENCE_S
        while not about.is_file() or not about.read_text(encoding="utf-8").endswith("}"):
            assert time.monotonic() < deadline, (folder / "scheduler.log").read_text(encoding="utf-8")
            time.sleep(0.05)
        yield Running(json.loads(about.read_text(encoding="utf-8"))["address"], process)


@pytest.fixture(scope="session", autouse=True)
def _patient() -> Iterator[None]:
    """The machine may be busy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connect, "CONNECT_S", PATIENCE_S)
        patch.setattr(connect, "WORKERS_S", PATIENCE_S)
        yield


@pytest.fixture(scope="session")
def dask_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a scheduler with two workers of one thread, each watched by its nanny."""
    folder = tmp_path_factory.mktemp("dask")
    words = ["--nworkers", "2", "--nthreads", "1", "--local-directory", str(folder)]
    with scheduler(folder) as (url, _), dask_process("worker", url, *words, folder=folder, log="workers.log"):
        yield url


Said = list[str]
Connect = Callable[[], Cluster]


@pytest.fixture
def said() -> Said:
    """What the cluster told."""
    return []


@pytest.fixture
def there(dask_url: str, said: Said) -> Iterator[Cluster]:
    """The cluster, with both of its workers, as a workplace."""
    with cluster(dask_url, said.append) as found:
        found.client.wait_for_workers(2, timeout=PATIENCE_S)
        yield found
