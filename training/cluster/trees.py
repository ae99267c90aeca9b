"""Growing trees on the workers of a cluster, by LightGBM's network of machines: the forest that it grows on all rows.

Each worker holds its share of the rows, and the workers add up their histograms for every split. Boundaries of bins are
set by one worker for all, from the rows that it holds, so the rows are dealt out at random. How rows are sampled for a
tree depends on who holds which, so a forest of two workers is another draw than that of one; the forest of one worker
is to the byte the one that this process grows. The same rows, seed and number of workers, of one thread
each, give the same bytes.

It always ends: a forest that a worker was lost from, or of which nothing was heard for ``STILL_S``, is grown again, and
given up after ``TRIES``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from distributed import Client, Future, wait
from distributed.scheduler import KilledWorker
from lightgbm.basic import LightGBMError
from numpy.typing import NDArray

from router.errors import ClusterError
from training.cluster import faults
from training.cluster.faults import LOST, REMEDY, RETURN_S, TRIES, killed, wait_for_a_worker
from training.cluster.share import Network, grow_share, keep_port
from training.fit.design import FloatArray, Matrix

LEAST_ROWS = 100
"""Of a worker; with fewer its bins would say nothing."""

LOOK_S = 1.0
"""How often it is looked whether all workers are still there."""

NOTICE_S = 30.0
"""How long the scheduler may take to notice that a worker is gone; the other workers may tell before."""

REACH = "the workers must reach each other on any port, by the address that they tell the scheduler"

Say = Callable[[str], None]


class BrokeOff(Exception):
    """A forest will not be finished: a worker is gone, or nothing happens any more."""


def grow(client: Client, say: Say, rows: Matrix, target: FloatArray, weight: FloatArray, seed: int) -> dict[str, Any]:
    """Grow a forest on all workers, as ``training.fit.trees.Boost`` says; again where it breaks off.

    Raises:
        ClusterError: it breaks off again and again, or the workers cannot be restarted.
    """
    for _ in range(TRIES):
        wait_for_a_worker(client)
        threads = dict(sorted(client.nthreads().items())[: max(1, len(rows) // LEAST_ROWS)])
        try:
            return _grown(client, threads, rows, target, weight, seed)
        except KilledWorker as error:
            raise killed(error) from error
        except (*LOST, LightGBMError, BrokeOff) as error:
            last = error
        lost = _lost(client, list(threads))
        why = f"lost {', '.join(lost)} while trees were grown" if lost else f"growing trees broke off ({last})"
        say(f"{why}; growing them again")
        _restart(client, [worker for worker in threads if worker not in lost])
    raise ClusterError(f"growing trees on Dask broke off {TRIES} times ({last}); {REACH}; {REMEDY}") from last


def _grown(
    client: Client, threads: Mapping[str, int], rows: Matrix, target: FloatArray, weight: FloatArray, seed: int
) -> dict[str, Any]:
    machines = _machines(client, list(threads))
    news = _News(client)
    forest = {
        worker: client.submit(
            grow_share,
            _placed(client, worker, (rows[share], target[share], weight[share])),
            *(seed, Network(machines, own), threads[worker], news.topic),
            workers=[worker],
            allow_other_workers=False,
            pure=False,
            retries=0,
        )
        for own, (worker, share) in enumerate(zip(threads, dealt(len(rows), len(threads), seed), strict=True))
    }
    with news, client.as_current():
        _watched(client, forest, news)
    dump: dict[str, Any] = next(iter(forest.values())).result(timeout=faults.STILL_S)
    return dump


def _machines(client: Client, workers: Sequence[str]) -> tuple[str, ...]:
    """``HOST:PORT`` of every worker, a port that it keeps free for LightGBM."""
    ports = [
        client.submit(keep_port, workers=[worker], allow_other_workers=False, pure=False, retries=0)
        for worker in workers
    ]
    return tuple(
        f"{urlsplit(worker).hostname}:{port.result(timeout=faults.STILL_S)}"
        for worker, port in zip(workers, ports, strict=True)
    )


def _placed(client: Client, worker: str, share: tuple[NDArray[Any], ...]) -> tuple[Future, ...]:
    """Lay a share of the rows there; ``scatter`` by itself would wait for a frozen worker for ever."""
    lay = partial(client.scatter, share, workers=[worker], hash=False, asynchronous=True)
    there: tuple[Future, ...] = client.sync(lay, callback_timeout=faults.STILL_S)
    return there


class _News:
    """What is heard of a forest: each tree of each worker is an event."""

    def __init__(self, client: Client) -> None:
        self.topic = f"underdog-trees-{client.id}"
        self._client = client
        self._last = monotonic()

    def __enter__(self) -> None:
        self._last = monotonic()
        self._client.subscribe_topic(self.topic, self._heard)

    def __exit__(self, *_: object) -> None:
        self._client.unsubscribe_topic(self.topic)

    def silence(self) -> float:
        """Seconds since the last tree."""
        return monotonic() - self._last

    def _heard(self, _event: object) -> None:
        self._last = monotonic()


def _watched(client: Client, forest: Mapping[str, Future], news: _News) -> None:
    """Return when all shares are grown; raise as soon as one will not be."""
    growing = list(forest.values())
    while growing:
        try:
            wait(growing, timeout=LOOK_S, return_when="FIRST_COMPLETED")
        except TimeoutError:
            _look(client, forest, news)
        for share in growing:
            if share.done() and share.status != "finished":
                share.result()  # raises what went wrong there
        growing = [share for share in growing if not share.done()]


def _look(client: Client, workers: Mapping[str, object], news: _News) -> None:
    there = client.nthreads()
    if gone := [worker for worker in workers if worker not in there]:
        raise BrokeOff(f"{', '.join(gone)} went away")
    if news.silence() > faults.STILL_S:
        raise BrokeOff(f"no tree for {faults.STILL_S:g} s")


def dealt(n: int, hands: int, seed: int) -> list[NDArray[np.intp]]:
    """``n`` places, dealt out to ``hands`` at random; in their own order where one has them all."""
    if hands == 1:
        return [np.arange(n)]
    return np.array_split(np.random.default_rng(seed).permutation(n), hands)


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
            f"growing trees broke off, and the other Dask workers cannot be restarted from here ({error}); "
            f"restart {', '.join(workers)}, and run the same command again"
        ) from error
