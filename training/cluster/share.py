"""What a worker does for a forest: it keeps a port for LightGBM, and grows trees on its share of the rows with others.

LightGBM's own learner for Dask is not used: it hands open sockets from task to task, which Dask may move to another
worker and cannot, as soon as a machine is busy; and whoever waits for it waits for ever where a worker is lost.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any

import numpy as np
from distributed import get_worker

from training.fit.design import FloatArray, Matrix
from training.fit.trees import ROUNDS, SETTINGS

SOCKET_MINUTES = 10
"""How long a worker waits for a word of another; LightGBM would wait two hours."""

_kept: dict[int, socket.socket] = {}
"""Ports that no forest was grown on yet, with what keeps them from others."""


@dataclass(frozen=True, slots=True)
class Network:
    """Who grows a forest together: ``HOST:PORT`` of every worker, first the one that tells the forest."""

    machines: tuple[str, ...]
    own: int
    """The place of this worker among them."""

    @property
    def port(self) -> int:
        """On which this worker listens."""
        return int(self.machines[self.own].rpartition(":")[2])

    def settings(self) -> dict[str, object]:
        """Parameters of LightGBM; none where a worker is alone."""
        if len(self.machines) == 1:
            return {}
        return {
            "tree_learner": "data",
            "machines": ",".join(self.machines),
            "num_machines": len(self.machines),
            "local_listen_port": self.port,
            "time_out": SOCKET_MINUTES,
        }


def keep_port() -> int:
    """A free port of this machine, kept from others until a forest is grown on it."""
    for unused in list(_kept):
        _kept.pop(unused).close()  # of a forest that came to nothing
    kept = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind(("", 0))
    port: int = kept.getsockname()[1]
    _kept[port] = kept
    return port


def grow_share(
    share: tuple[Matrix, FloatArray, FloatArray], seed: int, network: Network, threads: int, topic: str
) -> dict[str, Any] | None:
    """Grow a forest on rows, targets and weights that lie here; the dump of the booster by the first worker alone.

    Args:
        share: rows float32 [N, D], targets and weights float64 [N].
        seed: as ``training.fit.trees.Boost`` has it.
        network: everybody who grows it.
        threads: how many LightGBM may take here.
        topic: of Dask's events; each tree is told there.
    """
    import lightgbm

    worker = get_worker()
    rows, target, weight = share
    settings = {**SETTINGS, "seed": seed, "num_threads": threads, **network.settings()}
    data = lightgbm.Dataset(rows.astype(np.float64), target, weight=weight, free_raw_data=True)
    tell = [lambda told: worker.log_event(topic, told.iteration)]
    if kept := _kept.pop(network.port, None):
        kept.close()  # LightGBM listens on it at once
    booster = lightgbm.train(settings, data, num_boost_round=ROUNDS, callbacks=tell)
    booster.free_network()
    return booster.dump_model() if network.own == 0 else None
