"""Growing trees on the workers of a cluster, by LightGBM's own Dask learner: the forest that it grows on all rows.

Each worker holds its share of the rows, and the workers add up their histograms for every split. Boundaries of bins are
set by one worker for all, from the rows that it holds, so the rows are dealt out at random. How rows are sampled for a
tree depends on who holds which, so a forest of two workers is another draw than that of one; the forest of one worker
is to the byte the one that this process grows. The same rows, seed and number of workers, of one thread
each, give the same bytes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from time import monotonic, sleep
from typing import Any

import dask
import dask.array
import numpy as np
from distributed import Client
from distributed.scheduler import KilledWorker
from lightgbm import DaskLGBMRegressor, register_logger
from lightgbm.basic import LightGBMError
from numpy.typing import NDArray

from router.errors import ClusterError
from training.cluster.faults import LOST, REMEDY, RETURN_S, TRIES, killed, wait_for_a_worker
from training.fit.design import FloatArray, Matrix
from training.fit.trees import ROUNDS, SETTINGS

LEAST_ROWS = 100
"""Of a worker; with fewer its bins would say nothing."""

SOCKET_MINUTES = 10
"""How long a worker waits for a word of another; LightGBM would wait two hours."""

NOTICE_S = 30.0
"""How long the scheduler may take to notice that a worker is gone; the other workers may tell before."""

Say = Callable[[str], None]


class OrderedClient(Client):  # type: ignore[misc]
    """A client that tells where data lie in the order in which it was asked.

    LightGBM ranks its machines in the order of that answer, which is by chance otherwise, and sums of floats depend on
    the ranks: without this, no two runs would give the same bytes.
    """

    def who_has(self, futures: Any = None, **kwargs: Any) -> Any:
        """Key to the addresses of the workers that have it."""
        found = super().who_has(futures, **kwargs)
        if futures is None:
            return found
        keys = [future.key for future in self.futures_of(futures)]
        if not all(found.get(key) for key in keys):
            raise CancelledError("a worker was lost with its rows")  # LightGBM would stumble over it
        return {key: found[key] for key in keys}


def grow(
    client: OrderedClient, say: Say, rows: Matrix, target: FloatArray, weight: FloatArray, seed: int
) -> dict[str, Any]:
    """Grow a forest on all workers, as ``training.fit.trees.Boost`` says; once more where a worker is lost meanwhile.

    Raises:
        ClusterError: it failed for another reason, or too often.
    """
    for _ in range(TRIES):
        wait_for_a_worker(client)
        workers = sorted(client.nthreads())[: max(1, len(rows) // LEAST_ROWS)]
        try:
            return _grown(client, workers, rows, target, weight, seed)
        except KilledWorker as error:
            raise killed(error) from error
        except (*LOST, LightGBMError) as error:
            last = error
        lost = _lost(client, workers)
        if not lost:
            raise ClusterError(
                f"LightGBM failed on the Dask workers: {last}. They must reach each other on any port, by the address "
                "that they tell the scheduler"
            ) from last
        say(f"lost {', '.join(lost)} while trees were grown; growing them again")
        _restart(client, [worker for worker in workers if worker not in lost])
    raise ClusterError(f"a worker was lost {TRIES} times while trees were grown ({last}); {REMEDY}") from last


def _grown(
    client: OrderedClient, workers: Sequence[str], rows: Matrix, target: FloatArray, weight: FloatArray, seed: int
) -> dict[str, Any]:
    quieten_lightgbm()
    shares = dealt(len(rows), len(workers), seed)
    # LightGBM takes as many threads as each worker has.
    settings: dict[str, Any] = {name: value for name, value in SETTINGS.items() if name != "num_threads"}
    model = DaskLGBMRegressor(
        client=client, n_estimators=ROUNDS, random_state=seed, time_out=SOCKET_MINUTES, **settings
    )
    with client.as_current():
        model.fit(
            _scattered(client, workers, shares, rows),
            _scattered(client, workers, shares, target),
            sample_weight=_scattered(client, workers, shares, weight),
        )
    dump: dict[str, Any] = model.booster_.dump_model()
    return dump


def quieten_lightgbm() -> None:
    """Let LightGBM tell of errors alone, in a log: it would print to standard output, where JSON goes."""
    logger = logging.getLogger("training.lightgbm")
    logger.setLevel(logging.ERROR)
    register_logger(logger)


def dealt(n: int, hands: int, seed: int) -> list[NDArray[np.intp]]:
    """``n`` places, dealt out to ``hands`` at random; in their own order where one has them all."""
    if hands == 1:
        return [np.arange(n)]
    return np.array_split(np.random.default_rng(seed).permutation(n), hands)


def _scattered(
    client: Client, workers: Sequence[str], shares: Sequence[NDArray[np.intp]], values: NDArray[Any]
) -> dask.array.Array:
    """``values`` [N, ...] as a Dask array with one chunk for each worker, which lies there already."""
    chunks = []
    for worker, share in zip(workers, shares, strict=True):
        there = client.scatter(values[share], workers=[worker], hash=False)
        shape = (len(share), *values.shape[1:])
        chunks.append(dask.array.from_delayed(dask.delayed(there), shape=shape, dtype=values.dtype))
    return dask.array.concatenate(chunks)


def _lost(client: Client, workers: Sequence[str]) -> list[str]:
    """Which of ``workers`` are gone, as soon as the scheduler knows of one."""
    deadline = monotonic() + NOTICE_S
    while True:
        wait_for_a_worker(client)
        there = client.nthreads()
        lost = [worker for worker in workers if worker not in there]
        if lost or monotonic() > deadline:
            return lost
        sleep(0.1)


def _restart(client: Client, workers: Sequence[str]) -> None:
    """Restart ``workers``, whose forest broke off.

    LightGBM does not notice that a connection was closed, and waits for ever; where it does notice, its network stays
    as it was, and breaks the next forest of that process.

    Raises:
        ClusterError: they cannot be restarted, as they have no nanny.
    """
    if not workers:
        return
    try:
        client.restart_workers(list(workers), timeout=RETURN_S)
    except (*LOST, ValueError) as error:
        raise ClusterError(
            f"a Dask worker was lost while trees were grown, and the others cannot be restarted from here ({error}); "
            f"restart {', '.join(workers)}, and run the same command again"
        ) from error
