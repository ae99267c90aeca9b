"""How to install what only training needs."""

from __future__ import annotations

MAKE_TARGETS = {"train": "install-dev", "dask": "install-dev", "distill": "distill-install"}
"""Extra to the target of the Makefile that installs it."""


def how_to_install(extra: str) -> str:
    """A remedy for an error message: how to install ``extra``, ``train``, or one of the two that include it."""
    return (
        f"in a checkout run pip install '.[{extra}]' (or make {MAKE_TARGETS[extra]}); "
        f"with a wheel: pip install 'FILE.whl[{extra}]'"
    )
