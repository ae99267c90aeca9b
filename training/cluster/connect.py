"""From the word of ``--dask`` to a workplace that is connected, has workers, and runs the same software."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import dask
from distributed import Client, LocalCluster, Worker, WorkerPlugin
from distributed.versions import VersionMismatchWarning

from router.errors import ClusterError
from router.scoring.encoder import StaticEncoder
from training.cluster.address import LocalWorkers, Scheduler, parse_address
from training.cluster.encoding import EncodedThere
from training.cluster.faults import LOST, failures_told
from training.cluster.trees import Say, grow
from training.cluster.versions import check_versions
from training.encoding import Encoding
from training.fit.design import FloatArray, Matrix

CONNECT_S = 10.0
"""How long the scheduler has to answer."""

WORKERS_S = 30.0
"""How long the first worker has to join."""

STANDARD_OUTPUT = 1

CERTIFICATES = {
    "distributed.comm.tls.ca-file": "DASK_DISTRIBUTED__COMM__TLS__CA_FILE",
    "distributed.comm.tls.client.cert": "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT",
    "distributed.comm.tls.client.key": "DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY",
}
"""Where Dask looks for what TLS needs, in its configuration and in the environment."""


class Cluster:
    """A workplace: prompts are encoded and trees grown by the workers that ``client`` is connected to."""

    def __init__(self, client: Client, say: Say) -> None:
        self.client = client
        self._say = say

    def encoding(self, encoder: StaticEncoder, folder: Path) -> Encoding:
        """Send the encoder to all workers."""
        return EncodedThere(self.client, encoder, folder)

    def boost(self, rows: Matrix, target: FloatArray, weight: FloatArray, seed: int) -> dict[str, Any]:
        """Grow a forest on all workers that there are now."""
        with failures_told():
            return grow(self.client, self._say, rows, target, weight, seed)


@contextmanager
def cluster(given: str, say: Say) -> Iterator[Cluster]:
    """Connect to what ``--dask`` named, and leave it at the end; workers that were started here are stopped.

    Args:
        given: see ``parse_address``.
        say: told who is there, and later who was lost.

    Raises:
        ClusterError: nobody answers, no worker joins, or the software there is not ours.
    """
    address = parse_address(given)
    with ExitStack() as stack:
        with failures_told():
            url = _started(stack, address) if isinstance(address, LocalWorkers) else _reachable(address)
            client = stack.enter_context(_connected(url, given))
            if isinstance(address, LocalWorkers):
                client.register_plugin(SilentWorkers())
            _wait_for_workers(client, url, given)
            check_versions(client, given)
            threads = client.nthreads().values()
        say(f"Dask at {url}: {len(threads)} workers with {sum(threads)} threads encode the prompts and grow trees")
        yield Cluster(client, say)


class TidyClient(Client):  # type: ignore[misc]
    """A client that is closed where it cannot connect.

    Dask leaves that to the garbage collector, which may run in the thread that the next client starts. Closing one
    takes a lock that starting one holds, so both would wait for ever.
    """

    def start(self, **options: Any) -> None:
        """Connect, or raise and be closed."""
        try:
            super().start(**options)
        except BaseException:
            with suppress(Exception):
                self.close()
            raise

    def __exit__(self, *raised: Any) -> None:
        """Leave the cluster."""
        try:
            super().__exit__(*raised)
        except RuntimeError:
            # Where the scheduler is gone, Dask may stumble over its own last try to reach it, which runs out just then.
            with suppress(RuntimeError):
                self.close()


class SilentWorkers(WorkerPlugin):  # type: ignore[misc]
    """Workers that were started here print nothing: our standard output, where JSON goes, is theirs too.

    LightGBM prints what its sockets do from threads of its own, which know neither its settings nor its logger.
    """

    def setup(self, worker: Worker) -> None:
        """On a worker, when it starts."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, STANDARD_OUTPUT)
        os.close(nowhere)


def _started(stack: ExitStack, address: LocalWorkers) -> str:
    """Start the workers, single-threaded as the run itself, on the loopback address and without a dashboard."""
    workers = stack.enter_context(
        LocalCluster(
            n_workers=address.workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # of the scheduler's state; without a word it would be 8787, which is ours
            scheduler_kwargs={"dashboard": False},
            silence_logs=logging.CRITICAL,
        )
    )
    url: str = workers.scheduler_address
    return url


def _reachable(address: Scheduler) -> str:
    if address.url.startswith("tls://"):
        missing = [variable for setting, variable in CERTIFICATES.items() if not dask.config.get(setting, None)]
        if missing:
            raise ClusterError(f"--dask {address.url}: TLS needs certificates; set {', '.join(missing)} to their files")
    return address.url


@contextmanager
def _connected(url: str, given: str) -> Iterator[Client]:
    with ExitStack() as stack:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", VersionMismatchWarning)  # check_versions says it, and stops
                client = stack.enter_context(TidyClient(url, timeout=CONNECT_S, set_as_default=False))
        except Exception as error:  # what somebody else sends who listens there may raise anything
            raise ClusterError(
                f"--dask {given}: no Dask scheduler answers there ({_first_line(error)}); start one with "
                f"`dask scheduler` and workers with `dask worker {url}`, or take --dask local:2"
            ) from error
        yield client


def _wait_for_workers(client: Client, url: str, given: str) -> None:
    try:
        client.wait_for_workers(1, timeout=WORKERS_S)
    except LOST as error:
        raise ClusterError(
            f"--dask {given}: no worker has joined the scheduler within {WORKERS_S:g} s; start some with "
            f"`dask worker {url}`"
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0]
