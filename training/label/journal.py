"""What the models have said so far, on disk: one line per answer, appended, so that a killed run goes on where it was.

The first line holds the settings. A later line is one answer. Lines are written whole and synchronised before the next
question is asked; a last line that a crash cut off is removed when the journal is opened again. Prompts are not in it,
only their digests; answers are, so it is readable by its owner alone.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import msgspec
from msgspec import Struct

from router.errors import DataError

Part = Literal["weak", "strong", "judge_weak_first", "judge_strong_first"]
"""What was asked about a prompt: an answer of either model, or the judge's verdict in either order."""

SUFFIX = ".journal"


class Asked(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="answer"):
    """One answer. ``text`` is what the model said, or the verdict's word; tokens: None where not told."""

    key: str
    part: Part
    text: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cut_off: bool = False


class Setup(Struct, frozen=True, kw_only=True):
    """Who is asked, and how, in one role. Answers under different setups do not mix. ``url`` holds no credentials."""

    url: str
    model: str
    max_tokens: int
    instructions: str = ""


class Header(Struct, frozen=True, kw_only=True, tag="setups"):
    """The setups by role; a journal gets another such line when a role is added."""

    setups: dict[str, Setup]


_LINE = msgspec.json.Decoder(Asked | Header)


def journal_path(out: Path) -> Path:
    """Where the journal of the labels ``out`` lies."""
    return out.with_name(out.name + SUFFIX)


class Journal:
    """An open journal; a context manager. Only one process at a time can hold it.

    Args:
        path: the file; made where it is not there.
        setups: role -> setup of this run. Roles that the journal does not know yet are added.

    Raises:
        DataError: another run holds it, a line is damaged, or a role was asked under another setup.
    """

    def __init__(self, path: Path, setups: Mapping[str, Setup]) -> None:
        self._path = path
        self._answers: dict[tuple[str, Part], Asked] = {}
        self._setups: dict[str, Setup] = {}
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise DataError(f"{path}: cannot be written ({error.strerror}); check the folder of --out") from error
        try:
            self._lock()
            self._read()
            self._adopt(setups)
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, key: str, part: Part) -> Asked | None:
        """What was said, or None where it has not been asked."""
        return self._answers.get((key, part))

    def add(self, asked: Asked) -> None:
        """Remember an answer; it is on disk when this returns."""
        self._append(asked)
        self._answers[asked.key, asked.part] = asked

    def _append(self, line: Asked | Header) -> None:
        data = msgspec.json.encode(line) + b"\n"
        try:
            while data:  # a full disk may take a part
                data = data[os.write(self._file, data) :]
            os.fsync(self._file)
        except OSError as error:
            raise DataError(
                f"{self._path}: cannot be written ({error.strerror}); make space, then run the same command again"
            ) from error

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(f"{self._path}: another run is writing it; wait for it, or give another --out") from error

    def _read(self) -> None:
        data = self._path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.ftruncate(self._file, whole)
        for number, line in enumerate(data[:whole].splitlines(), 1):
            try:
                read = _LINE.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                message = f"{self._path}:{number}: damaged ({error}); delete this line, and what it held is asked again"
                raise DataError(message) from error
            if isinstance(read, Header):
                self._setups |= read.setups
            else:
                self._answers[read.key, read.part] = read

    def _adopt(self, setups: Mapping[str, Setup]) -> None:
        for role, setup in setups.items():
            known = self._setups.get(role, setup)
            changed = [
                f"{field} was {getattr(known, field)!r}, is now {getattr(setup, field)!r}"
                for field in setup.__struct_fields__
                if getattr(known, field) != getattr(setup, field)
            ]
            if changed:
                raise DataError(
                    f"{self._path}: was begun with other settings of the {role} model ({'; '.join(changed)}); "
                    "go on with the old settings, give another --out, or delete the journal to begin anew"
                )
        added = {role: setup for role, setup in setups.items() if role not in self._setups}
        if added:
            self._append(Header(setups=added))
            self._setups |= added
