"""What the workers of a real cluster give is what this process gives, and what goes wrong with them is said."""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from distributed import Client
from numpy.typing import NDArray

from router.errors import ClusterError
from router.scoring.encoder import StaticEncoder
from router.scoring.inputs import Inputs
from router.scoring.scorer import Scorer
from router.scoring.trees import TreesHead, trees_from_dump
from tests.training.cluster.conftest import PATIENCE_S, Said, dask_process, scheduler
from training import pipeline
from training.cli import main
from training.cluster import connect, faults, trees
from training.cluster.connect import Cluster, cluster
from training.cluster.encoding import EncodedThere
from training.corpus import read_source
from training.encoders import encoder_folder
from training.encoding import TEXTS_AT_ONCE, EncodedHere
from training.fit.trees import ROUNDS, boosted

pytestmark = pytest.mark.timeout(300)

WIDTH = 30


@pytest.fixture(scope="module")
def folder() -> Path:
    return encoder_folder(None)


@pytest.fixture(scope="module")
def encoder(folder: Path) -> StaticEncoder:
    return StaticEncoder.load(folder)


@pytest.fixture(scope="module")
def prompts(repository: Path) -> list[str]:
    """A few blocks of prompts, the last one not full, all different; one with a lone surrogate and one far too long."""
    texts = [battle.prompt for battle in read_source(str(repository / "data" / "sample" / "battles.jsonl")).battles]
    return [f"{text} ({copy})" for copy in range(7) for text in texts] + ["lone \ud800 surrogate", "long " * 20_000]


def test_rows_are_the_same_bits_in_the_same_order(
    there: Cluster, encoder: StaticEncoder, folder: Path, prompts: list[str]
) -> None:
    rows = there.encoding(encoder, folder).rows(prompts)
    assert rows.tobytes() == EncodedHere(Inputs(encoder)).rows(prompts).tobytes()


def test_vectors_are_the_same_bits_in_blocks_of_the_same_size(
    there: Cluster, encoder: StaticEncoder, folder: Path, prompts: list[str]
) -> None:
    blocks = list(there.encoding(encoder, folder).vectors(prompts))
    expected = list(EncodedHere(Inputs(encoder)).vectors(prompts))
    assert [block.tobytes() for block in blocks] == [block.tobytes() for block in expected]
    assert len(blocks[0]) == TEXTS_AT_ONCE > len(blocks[-1])


def test_no_prompts_are_no_rows(there: Cluster, encoder: StaticEncoder, folder: Path) -> None:
    encoding = there.encoding(encoder, folder)
    assert encoding.rows([]).shape == (0, Inputs(encoder).width)
    assert list(encoding.vectors([])) == []


def test_a_worker_that_gets_other_rows_out_of_the_golden_prompts_is_named(
    there: Cluster, encoder: StaticEncoder, folder: Path
) -> None:
    encoding = EncodedThere(there.client, encoder, folder)
    sent = replace(encoding._encoder, sha256="another", golden=encoding._encoder.golden + np.float32(1e-6))
    encoding._encoder, encoding._sent = sent, there.client.scatter(sent, broadcast=True)
    with pytest.raises(ClusterError, match=r"the Dask worker tcp://[0-9.:]+ gets other rows .* the same checkout"):
        encoding.rows(["What is the capital of France?"])


def test_blocks_of_a_worker_that_dies_are_encoded_by_another(
    dask_url: str, there: Cluster, encoder: StaticEncoder, folder: Path, prompts: list[str], tmp_path: Path
) -> None:
    many = prompts * 3
    expected = b"".join(block.tobytes() for block in EncodedHere(Inputs(encoder)).vectors(many))
    before = set(there.client.nthreads())
    with dask_process("worker", dask_url, "--no-nanny", "--nthreads", "2", folder=tmp_path, log="third.log") as third:
        there.client.wait_for_workers(3, timeout=PATIENCE_S)
        blocks = there.encoding(encoder, folder).vectors(many)
        given = [next(blocks)]  # blocks lie with all three by now
        third.kill()
        given += list(blocks)
    assert b"".join(block.tobytes() for block in given) == expected
    assert before <= set(there.client.nthreads())


def _rows(n: int) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]:
    random = np.random.default_rng(7)
    rows = random.normal(size=(n, WIDTH)).astype(np.float32)
    target = rows[:, 0] + np.sin(2 * rows[:, 1].astype(np.float64)) + random.normal(size=n)
    return rows, target.astype(np.float64), random.uniform(0.5, 2.0, n)


def test_too_few_rows_for_two_workers_give_the_forest_that_this_process_grows(there: Cluster) -> None:
    data = _rows(2 * trees.LEAST_ROWS - 1)
    assert trees_from_dump(there.boost(*data, 3)).tobytes() == trees_from_dump(boosted(*data, 3)).tobytes()


def test_two_workers_grow_the_same_forest_again_and_as_good_a_one_as_this_process(there: Cluster) -> None:
    data = _rows(4_000)
    first, second = (trees_from_dump(there.boost(*data, 3)) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    alone = trees_from_dump(boosted(*data, 3))
    assert first.tobytes() != alone.tobytes()  # both workers had a part in it
    rows, target, _ = _rows(4_000 + 2_000)
    errors = [
        float(np.mean((TreesHead(nodes, WIDTH).predict(rows[4_000:]) - target[4_000:]) ** 2))
        for nodes in (first, alone)
    ]
    assert errors[0] < 1.05 * errors[1] < float(target[4_000:].var())


def test_trees_are_grown_again_where_a_worker_dies_meanwhile(there: Cluster, said: Said) -> None:
    data = _rows(40_000)
    victim = max(there.client.nthreads())
    process = there.client.run(os.getpid, workers=[victim])[victim]

    def kill() -> None:
        while not any("grow_share" in str(key) for key in there.client.processing([victim])[victim]):
            time.sleep(0.02)
        os.kill(process, signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    nodes = trees_from_dump(there.boost(*data, 3))
    killer.join(PATIENCE_S)
    assert f"lost {victim} while trees were grown; growing them again" in said
    assert TreesHead(nodes, WIDTH).predict(data[0][:100]).std() > 0.1
    there.client.wait_for_workers(2, timeout=PATIENCE_S)


def test_trees_are_grown_again_where_a_worker_says_nothing_any_more(
    there: Cluster, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "STILL_S", 2.0)
    monkeypatch.setattr(trees, "NOTICE_S", 0.5)

    def say(line: str) -> None:
        said.append(line)
        monkeypatch.setattr(faults, "STILL_S", PATIENCE_S)  # workers that were restarted take a while

    victim = max(there.client.nthreads())
    os.kill(there.client.run(os.getpid, workers=[victim])[victim], signal.SIGSTOP)
    nodes = trees_from_dump(Cluster(there.client, say).boost(*_rows(4_000), 3))
    assert len(nodes) > 0
    assert said[1:] == [told for told in said if told.endswith("; growing them again")]
    assert len(said) == 2
    there.client.wait_for_workers(2, timeout=PATIENCE_S)


def test_an_artifact_of_a_cluster_loads_and_tells_easy_prompts_from_hard_ones(
    dask_url: str, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "FOLDS", 2)  # as many as are needed to have all stages
    sample = repository / "data" / "sample"
    words = ["--data", sample, "--test-sets", sample / "benchmarks", "--classifier", "blend", "--dask", dask_url]
    ran = CliRunner().invoke(main, ["fit", *map(str, words), "--out", str(tmp_path / "out")])
    assert ran.exit_code == 0, ran.output
    assert "2 workers with 2 threads encode the prompts and grow trees" in ran.stderr
    assert "not trees, so fitted in this process: preference, correctness, length" in ran.stderr
    scorer = Scorer.load(tmp_path / "out")
    assert scorer.manifest.command.endswith(" --dask ADDRESS")
    assert [head.kind for head in scorer.manifest.heads] == ["linear", "linear", "linear", "trees"]
    rows = [json.loads(line) for line in (sample / "tryout.jsonl").read_text(encoding="utf-8").splitlines()]
    _, win_rates = scorer.score_batch([row["prompt"] for row in rows])
    strong = win_rates >= scorer.manifest.operating_points["balanced"].threshold
    assert np.mean(strong == [row["expected"] == "strong" for row in rows]) >= 0.9


OF_ONES_OWN = """
import gc
import json
import os

import numpy as np

from training.cluster.connect import cluster

if __name__ == "__main__":
    random = np.random.default_rng(0)
    rows = random.normal(size=(500, 5)).astype(np.float32)
    with cluster("local:2", lambda line: None) as there:
        forest = there.boost(rows, rows[:, 0].astype(np.float64), np.ones(500), 0)
        print(json.dumps([len(forest["tree_info"]), *there.client.run(os.getpid).values()]))
"""


def test_workers_of_ones_own_leave_standard_output_alone_and_are_gone_at_the_end(
    tmp_path: Path, repository: Path
) -> None:
    (tmp_path / "own.py").write_text(OF_ONES_OWN, encoding="utf-8")
    environ = {**os.environ, "PYTHONPATH": str(repository)}
    command = [sys.executable, str(tmp_path / "own.py")]
    done = subprocess.run(
        command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    grown, *workers = json.loads(done.stdout)
    assert grown == ROUNDS
    assert len(set(workers)) == 2
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)


def _refused(*words: str) -> str:
    """What a run says that must end in one line, without a traceback."""
    result = CliRunner().invoke(main, ["fit", "-q", *words])
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    assert len(result.output.splitlines()) == 1
    return result.output


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "CONNECT_S", 1.0)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port on which nobody listens, kept from others."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.mark.usefixtures("_impatient")
def test_an_address_where_nobody_answers_is_named_with_what_to_start(closed_port: int) -> None:
    said = _refused("--dask", f"127.0.0.1:{closed_port}")
    assert f"--dask 127.0.0.1:{closed_port}: no Dask scheduler answers there" in said
    assert "`dask scheduler`" in said
    assert f"`dask worker tcp://127.0.0.1:{closed_port}`" in said


@pytest.mark.usefixtures("_impatient")
def test_a_port_that_somebody_else_holds_is_no_scheduler() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_speak_http, args=[server], daemon=True).start()
        said = _refused("--dask", f"127.0.0.1:{server.getsockname()[1]}")
    assert "no Dask scheduler answers there" in said
    # One that is not closed would be closed by the garbage collector, which may stop the next one for ever.
    left = [one for one in gc.get_objects() if issubclass(type(one), Client)]
    assert {client.status for client in left} <= {"closed"}


def _speak_http(server: socket.socket) -> None:
    while True:
        try:
            caller, _ = server.accept()
        except OSError:
            return
        with caller:
            caller.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")


def test_a_scheduler_without_workers_is_told_how_to_get_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "WORKERS_S", 0.5)
    with scheduler(tmp_path) as (url, _):
        said = _refused("--dask", url)
    assert f"--dask {url}: no worker has joined the scheduler within 0.5 s; start some with `dask worker {url}`" in said


def test_tls_without_certificates_says_where_they_are_set() -> None:
    said = _refused("--dask", "tls://127.0.0.1:8786")
    assert (
        "TLS needs certificates; set DASK_DISTRIBUTED__COMM__TLS__CA_FILE, DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT"
        in said
    )


def test_who_stumbles_while_leaving_has_left(dask_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    closing = Client.close
    tried: list[Client] = []

    def close(client: Client, *args: Any, **kwargs: Any) -> Any:
        if client is leaving:  # what earlier ones left may be collected meanwhile
            tried.append(client)
            if len(tried) == 1:
                raise RuntimeError("Cannot change state of expiring Timeout")
        return closing(client, *args, **kwargs)

    with cluster(dask_url, lambda _line: None) as there:
        leaving = there.client
        monkeypatch.setattr(Client, "close", close)
    assert tried == [leaving, leaving]
    assert leaving.status == "closed"


def test_a_scheduler_that_goes_away_ends_the_run_in_a_sentence(
    encoder: StaticEncoder, folder: Path, prompts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "RETURN_S", 1.0)
    monkeypatch.setattr(connect, "CONNECT_S", 5.0)  # as long is it looked for when it is gone
    with (
        scheduler(tmp_path) as (url, process),
        dask_process("worker", url, "--no-nanny", folder=tmp_path, log="worker.log"),
        cluster(url, lambda _line: None) as there,
    ):
        blocks = there.encoding(encoder, folder).vectors(prompts * 2)
        next(blocks)
        process.kill()
        with pytest.raises(ClusterError, match="run the same command again"):
            list(blocks)
