"""What one training run is asked to do."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct

from router.errors import DataError

_NAME = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,99})(?:/(?P<version>[0-9]{1,100}))?")


class Plan(Struct, frozen=True, kw_only=True):
    """One run.

    ``data``: a folder of registered sets or of files of one's own. ``battles``, ``judged``, ``graded``: more files, or
    hub ids. ``encoder``: a folder with a static encoder; None takes that of the shipped artifact. ``teacher``: distil
    an encoder first. ``test_sets``: a folder of benchmarks, whose prompts are kept out of training. ``evaluate``: also
    read what was scored on them, and measure the artifact by it at the end. ``dask``: the cluster that encodes prompts
    and grows trees, as ``training.cluster.address`` reads it; this process where None.
    """

    data: Path | None
    out: Path
    name: str
    version: str
    battles: tuple[str, ...] = ()
    judged: tuple[str, ...] = ()
    graded: tuple[str, ...] = ()
    encoder: Path | None = None
    teacher: str | None = None
    classifier: str
    seed: int = 0
    commercial_only: bool = True
    test_sets: Path | None = None
    evaluate: bool = False
    dask: str | None = None

    @property
    def specs(self) -> tuple[str, ...]:
        """Everything that was named beside the data folder."""
        return (*self.battles, *self.judged, *self.graded)

    @property
    def command(self) -> str:
        """The command that repeats this run, without the paths of one machine."""
        words = ["train-router"]
        words += ["--data DATA"] if self.data is not None else []
        words += [f"--battles {_portable(spec)}" for spec in self.battles]
        words += [f"--judged {Path(spec).name}" for spec in self.judged]
        words += [f"--graded {Path(spec).name}" for spec in self.graded]
        words += ["--encoder ENCODER"] if self.encoder is not None else []
        words += [f"--distill {_portable(self.teacher)}"] if self.teacher is not None else []
        words += [f"--classifier {self.classifier}", f"--seed {self.seed}", f"--name {self.name}/{self.version}"]
        words += [] if self.commercial_only else ["--all-licences"]
        words += ["--evaluate"] if self.evaluate else []
        words += [f"--dask {_nameless(self.dask)}"] if self.dask is not None else []
        return " ".join(words)


def _portable(spec: str) -> str:
    """A hub id as it is; a file or folder without the path that it has here."""
    return Path(spec).name if Path(spec).exists() else spec


def _nameless(dask: str) -> str:
    """Workers of one's own as they are; a scheduler without the name that its machine has."""
    return dask if dask.startswith("local:") else "ADDRESS"


def name_and_version(label: str) -> tuple[str, str]:
    """Split ``NAME`` or ``NAME/VERSION`` (version 1 where none is given).

    Raises:
        DataError: it is neither.
    """
    match = _NAME.fullmatch(label)
    if match is None:
        raise DataError(f"--name {label}: a name such as 'mine' or 'mine/2' is needed (letters, digits, '.', '_', '-')")
    return match["name"], match["version"] or "1"
