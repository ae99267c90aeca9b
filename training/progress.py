"""Progress bars for people: on a terminal only, and only for what takes longer than two seconds."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

DELAY_S = 2.0


class _Display:
    """Whether bars may be shown at all; one for the process, since there is one terminal."""

    wanted = True


def quiet() -> None:
    """Show no progress from now on (for ``--quiet`` and ``--json``)."""
    _Display.wanted = False


def shown() -> bool:
    """Whether bars are shown: they are wanted, and there is a terminal."""
    return _Display.wanted and sys.stderr.isatty()


def progress(items: Iterable[T], *, label: str, total: int | None = None, unit: str = "rows") -> Iterator[T]:
    """Pass ``items`` through, with a bar on standard error once two seconds have gone by.

    Args:
        items: what is being worked through.
        label: what is being done, as it stands before the bar.
        total: how many items there will be, where ``items`` cannot say.
        unit: what one item is.
    """
    if not shown():
        yield from items
        return
    from tqdm import tqdm

    yield from tqdm(items, desc=label, total=total, unit=f" {unit}", delay=DELAY_S, leave=False, file=sys.stderr)
