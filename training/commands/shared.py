"""What the commands have in common: the check for the extra, where lines go, and shared options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from training.extras import how_to_install
from training.progress import quiet

if TYPE_CHECKING:
    from router.scoring.manifest import Manifest

TRAIN_PACKAGES = ("sklearn", "scipy", "lightgbm", "threadpoolctl", "matplotlib", "jinja2", "tqdm")
DASK_PACKAGES = (*TRAIN_PACKAGES, "dask", "distributed", "pandas")
DISTILL_PACKAGES = (*TRAIN_PACKAGES, "sentence_transformers", "torch")

LARGEST_SEED = 2**30
"""Within 32 bits, with room for the seeds that are counted up from it."""

Say = Callable[[str], None]


def require_extra(extra: str, packages: Sequence[str]) -> None:
    """Stop, saying what to install, where one of ``packages`` is missing."""
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        others = len(missing) - 1
        what = f"{missing[0]} and {others} more are missing" if others else f"{missing[0]} is missing"
        raise click.ClickException(f"this command needs the extra '{extra}' ({what}): {how_to_install(extra)}")


def speaker(*, wanted: bool) -> Say:
    """A function that prints lines for people on standard error, or nothing; it settles progress bars too."""
    if not wanted:
        quiet()
        return _silent
    return _to_stderr


def print_json(value: Any) -> None:
    """Print ``value`` (structs, dicts, lists) as JSON on standard output."""
    click.echo(msgspec.json.format(msgspec.json.encode(value, order="sorted")).decode())


def written(manifest: Manifest, out: Path) -> dict[str, Any]:
    """What ``--json`` says of an artifact that was just written."""
    return {
        "artifact": manifest.label,
        "out": str(out),
        "operating_points": manifest.operating_points,
        "measured": manifest.measured,
    }


def folder_option(*names: str, **settings: Any) -> Callable[..., Any]:
    """An option that takes an existing folder."""
    kind = click.Path(exists=True, file_okay=False, path_type=Path)
    return click.option(*names, type=kind, **settings)


def artifact_option() -> Callable[..., Any]:
    """``--artifact DIR``, the shipped one by default."""
    return folder_option("--artifact", help="Folder of the artifact.  [default: the shipped one]")


def seed_option(what: str) -> Callable[..., Any]:
    """``--seed``, within what every library that draws takes; ``what`` is its help."""
    kind = click.IntRange(0, LARGEST_SEED)
    return click.option("--seed", type=kind, default=0, show_default=True, help=what)


def json_option() -> Callable[..., Any]:
    """``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output, and no progress.")


def quiet_option() -> Callable[..., Any]:
    """``--quiet``."""
    return click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors and results.")


def _silent(line: str) -> None:
    """Say nothing."""


def _to_stderr(line: str) -> None:
    click.echo(line, err=True)
