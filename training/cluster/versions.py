"""Whether the workers have the same software: other code or another tokenizer would give other rows, unnoticed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from distributed import Client

from router.errors import ClusterError

OURS = ("underdog-router", "tokenizers", "lightgbm", "scikit-learn", "msgspec")
"""What computes there."""

WIRE = ("dask", "distributed", "cloudpickle", "msgpack", "tornado", "toolz")
"""What Dask's own messages depend on."""

ON_WORKERS = ("python", *OURS, "numpy", *WIRE)
ON_SCHEDULERS = ("python", "dask", "distributed")
PYTHON = "python"


def check_versions(client: Client, given: str) -> None:
    """Compare the packages of this process with those of the scheduler and of every worker.

    Args:
        client: is connected.
        given: what ``--dask`` said, for the message.

    Raises:
        ClusterError: some differ; names each with both versions and where.
    """
    found = differences(client.get_versions(packages=list(OURS)))
    if found:
        raise ClusterError(
            f"--dask {given}: not the same software: {'; '.join(found)}. Install there what is here (same Python, then "
            "pip install 'underdog-router[dask]' with the versions of requirements/dev.txt)"
        )


def differences(versions: Mapping[str, Any]) -> list[str]:
    """Each package that is not the same everywhere, as ``numpy 2.4.6 here, 2.3.0 on tcp://...``.

    Args:
        versions: as ``Client.get_versions`` gives them.
    """
    here = versions["client"]["packages"]
    found = []
    for package in ON_WORKERS:
        own = _version(package, here)
        others = {
            address: there
            for address, about in _places(versions, package).items()
            if (there := _version(package, about["packages"] if about else {})) != own
        }
        if others:
            found.append(
                f"{package} {own} here, " + ", ".join(f"{there} on {place}" for place, there in others.items())
            )
    return found


def _places(versions: Mapping[str, Any], package: str) -> dict[str, Any]:
    schedulers = {"the scheduler": versions["scheduler"]} if package in ON_SCHEDULERS else {}
    return {**schedulers, **versions["workers"]}


def _version(package: str, packages: Mapping[str, str | None]) -> str:
    """The version, of Python without what only fixes faults; ``none`` where it is missing."""
    version = packages.get(package) or "none"
    return ".".join(version.split(".")[:2]) if package == PYTHON else version
