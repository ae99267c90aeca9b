"""What a cluster does when a part of it goes away, and how often a piece of work is given out again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager

from distributed import Client
from distributed.scheduler import KilledWorker

from router.errors import ClusterError

LOST = (CancelledError, OSError)
"""Data or workers that are gone; connections that broke, and time-outs, are of the second kind."""

TRIES = 3
"""How often one piece of work is given out before a run gives up."""

RETURN_S = 60.0
"""How long a run waits for a first worker where all are gone; a nanny starts a new one within seconds."""

STILL_S = 600.0
"""How long nothing may be heard of a forest, or of a block of prompts that a worker has; then it is taken as lost."""

REMEDY = "see what became of the workers (their log says; often it is memory), and run the same command again"


@contextmanager
def failures_told() -> Iterator[None]:
    """Inside, a connection that breaks, and whatever else of a cluster goes away, ends the run in a sentence."""
    try:
        yield
    except LOST as error:
        raise ClusterError(f"the Dask cluster is gone ({error}); {REMEDY}") from error


def wait_for_a_worker(client: Client) -> None:
    """Return as soon as there is a worker.

    Raises:
        ClusterError: there is none after ``RETURN_S``, or the scheduler is gone too.
    """
    try:
        client.wait_for_workers(1, timeout=RETURN_S)
    except (*LOST, RuntimeError, ValueError) as error:
        raise ClusterError(f"the Dask cluster has no worker any more ({error}); {REMEDY}") from error


def killed(error: KilledWorker) -> ClusterError:
    """A piece of work took several workers with it."""
    return ClusterError(f"Dask gave up on a piece of work that had ended {TRIES} workers ({error}); {REMEDY}")
