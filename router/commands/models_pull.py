"""Pulling a model with a progress bar."""

from __future__ import annotations

import contextlib
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from router.advice import Suggestion, advise, misfit
from router.commands.printable import printable
from router.errors import OllamaError
from router.hardware import look_at_machine
from router.settings import load_settings
from router.upstream.embedded.fetch import fetch_weights
from router.upstream.nearby import Ollama
from router.upstream.nearby import Progress as Step


def recommended() -> Suggestion:
    """The model that this machine is recommended.

    Raises:
        OllamaError: none fits.
    """
    advice = advise(look_at_machine(load_settings().home_path))
    if not advice.suggestions:
        raise OllamaError(" ".join((*advice.notes, "`underdog fetch` gets the small embedded LLM.")))
    return advice.suggestions[0]


def warning_of(name: str) -> str | None:
    """What stands against a model on this machine; None where nothing is known to."""
    return misfit(look_at_machine(load_settings().home_path), name)


def fetch_embedded() -> Path:
    """The weights of the embedded LLM, fetched where they are not there yet.

    Raises:
        EmbeddedModelError: saying what to do.
    """
    return fetch_weights(load_settings().home_path)


async def pull_model(url: str, name: str, console: Console | None = None) -> None:
    """Pull, showing a bar for each file; on what is no terminal, a line for each step.

    Raises:
        OllamaError: saying what to do.
    """
    console = console or Console(stderr=True)
    shown = Bars(console) if console.is_terminal else Lines(console)
    async with Ollama.at(url) as ollama:
        with shown:
            async for step in ollama.pull(name):
                shown.step(step)


class Lines(contextlib.AbstractContextManager["Lines"]):
    """Each status once: logs have no use for a bar."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = ""

    def step(self, step: Step) -> None:
        """Show one step."""
        if step.status != self._last:
            self._console.print(printable(step.status), highlight=False, markup=False)
        self._last = step.status

    def __exit__(self, *_: object) -> None:
        """There is nothing to put away."""


class Bars(contextlib.AbstractContextManager["Bars"]):
    """A bar for each file that is downloaded, and other steps as text above them."""

    def __init__(self, console: Console) -> None:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=console)
        self._bars: dict[str, TaskID] = {}
        self._lines = Lines(console)

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the bars as they are."""
        self._progress.stop()

    def step(self, step: Step) -> None:
        """Show one step."""
        if step.digest is None or not step.total:
            self._lines.step(step)
            return
        if step.digest not in self._bars:
            # What an earlier pull left counts as done, not as fast.
            self._bars[step.digest] = self._progress.add_task(
                printable(step.status), total=step.total, completed=step.completed or 0
            )
        elif step.completed is not None:
            self._progress.update(self._bars[step.digest], completed=step.completed)
