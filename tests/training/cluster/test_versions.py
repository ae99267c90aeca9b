"""Workers with other software are refused, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from router.errors import ClusterError
from tests.training.cluster.conftest import dask_process, scheduler
from training.cluster.connect import cluster
from training.cluster.versions import ON_WORKERS, differences

pytestmark = pytest.mark.timeout(300)

WORKER = "tcp://10.0.0.2:4000"
SAME = dict.fromkeys(ON_WORKERS, "1.2.3") | {"python": "3.11.7.final.0"}


def versions(
    here: dict[str, Any] = SAME, there: dict[str, Any] = SAME, middle: dict[str, Any] = SAME
) -> dict[str, Any]:
    return {"client": {"packages": here}, "workers": {WORKER: {"packages": there}}, "scheduler": {"packages": middle}}


def test_the_same_software_is_no_difference() -> None:
    assert differences(versions()) == []


@pytest.mark.parametrize(
    ("package", "version", "said"),
    [
        ("numpy", "1.0", [f"numpy 1.2.3 here, 1.0 on {WORKER}"]),
        ("underdog-router", None, [f"underdog-router 1.2.3 here, none on {WORKER}"]),
        ("python", "3.12.1.final.0", [f"python 3.11 here, 3.12 on {WORKER}"]),
        ("python", "3.11.2.final.0", []),
        ("pandas", "1.0", []),
    ],
)
def test_what_differs_on_a_worker_is_named_with_both_versions(
    package: str, version: str | None, said: list[str]
) -> None:
    assert differences(versions(there={**SAME, package: version})) == said


def test_a_scheduler_computes_nothing_and_needs_only_the_same_dask() -> None:
    middle = {"python": "3.11.7.final.0", "dask": "1.2.3", "distributed": "9.9"}
    assert differences(versions(middle=middle)) == ["distributed 1.2.3 here, 9.9 on the scheduler"]


def test_a_worker_that_says_nothing_has_nothing() -> None:
    silent = {**versions(), "workers": {WORKER: None}}
    assert f"numpy 1.2.3 here, none on {WORKER}" in differences(silent)


def test_a_run_does_not_begin_on_a_worker_with_another_version(tmp_path: Path) -> None:
    other = tmp_path / "other" / "tokenizers-0.0.1.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: tokenizers\nVersion: 0.0.1\n", encoding="utf-8")
    with (
        scheduler(tmp_path) as (url, _),
        dask_process("worker", url, "--no-nanny", folder=tmp_path, log="worker.log", PYTHONPATH=str(other.parent)),
        pytest.raises(
            ClusterError,
            match=r"^--dask tcp://[0-9.:]+: not the same software: tokenizers [0-9.]+ here, 0\.0\.1 on tcp://",
        ),
        cluster(url, lambda _line: None),
    ):
        pass
