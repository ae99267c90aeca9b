"""What ``--dask`` names: a scheduler somewhere, or a number of worker processes on this machine."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from msgspec import Struct

from router.errors import ClusterError

MOST_LOCAL = 64
"""More processes than this on one machine are a mistake, such as a port."""

_LOCAL = re.compile(r"local:(?P<workers>[0-9]{1,9})", re.ASCII)
_SCHEMES = ("tcp", "tls")


class LocalWorkers(Struct, frozen=True):
    """Worker processes that the run starts and stops itself."""

    workers: int


class Scheduler(Struct, frozen=True):
    """A scheduler that runs already, as ``tcp://HOST:PORT`` or ``tls://HOST:PORT``."""

    url: str


def parse_address(given: str) -> LocalWorkers | Scheduler:
    """Read ``tcp://HOST:PORT``, ``tls://HOST:PORT``, ``HOST:PORT`` or ``local:N``.

    Raises:
        ClusterError: it is none of these; shows them.
    """
    local = _LOCAL.fullmatch(given)
    if local is not None:
        return _local(given, int(local["workers"]))
    url = given if "://" in given else f"tcp://{given}"
    if not _is_scheduler(url):
        raise ClusterError(
            f"--dask {given}: write tcp://HOST:PORT or HOST:PORT of a scheduler, tls://HOST:PORT where it speaks TLS, "
            "or local:2 for two worker processes on this machine"
        )
    return Scheduler(url)


def _local(given: str, workers: int) -> LocalWorkers:
    if not 1 <= workers <= MOST_LOCAL:
        raise ClusterError(
            f"--dask {given}: starts that many worker processes here; name 1 to {MOST_LOCAL}, or write "
            f"tcp://{given} for the scheduler of a machine called local"
        )
    return LocalWorkers(workers)


def _is_scheduler(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    nothing_else = not (parts.path or parts.query or parts.fragment or parts.username)
    return parts.scheme in _SCHEMES and bool(parts.hostname) and bool(port) and nothing_else
