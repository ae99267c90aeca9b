"""The progress bar of a run that waits for others: on a terminal only, with the cost as it grows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from training.progress import shown


@contextmanager
def cost_bar(total: int, note: Callable[[], str]) -> Iterator[Callable[[], None]]:
    """Show a bar over ``total`` prompts on standard error; call what it gives after each.

    Args:
        total: how many prompts there will be.
        note: what stands after the bar, asked for at each step.
    """
    if not shown() or not total:
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress("labelling", *columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("labelling", total=total, note="")
        yield lambda: bars.update(task, advance=1, note=note())
