"""The pointer: a small file in the home folder that says which artifact is in use, and which were before it.

It is replaced as a whole, so that a reader sees the old one or the new one, and a crash leaves either.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from router.errors import UNREADABLE_JSON, ArtifactError
from router.stamps import Stamp, stamp_of

POINTER_FILE = "artifact.json"
KEPT = 50
"""Uses that are remembered; the oldest go first."""


class Use(Struct, frozen=True, kw_only=True):
    """One artifact put in use: its folder, what it is called, ``Manifest.digest`` as it was verified, and when."""

    folder: str
    label: str
    digest: str
    at: datetime


class _Content(Struct, frozen=True, kw_only=True):
    uses: list[Use]


class Pointer:
    """The pointer of one home folder.

    Args:
        home: the folder; made where there is none, once there is something to write.
    """

    def __init__(self, home: Path) -> None:
        self.path = home / POINTER_FILE

    def stamp(self) -> Stamp | None:
        """What tells one content from another, without reading it; None where there is no pointer."""
        return stamp_of(self.path)

    def uses(self) -> list[Use]:
        """Every use, the present one last; empty where nothing was ever put in use.

        Raises:
            ArtifactError: the file cannot be read or is no pointer.
        """
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=_Content).uses
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ArtifactError(f"{self.path}: cannot be read ({error.strerror}); check its permissions.") from error
        except UNREADABLE_JSON as error:
            raise ArtifactError(f"{self.path}: not a pointer to an artifact ({error}); remove it.") from error

    def current(self) -> Use | None:
        """The present use; None for the artifact that ships. Raises as ``uses``."""
        uses = self.uses()
        return uses[-1] if uses else None

    def put(self, folder: Path, label: str, digest: str) -> None:
        """Put an artifact in use. Where it is so already, the pointer is written anew, and servers load it again.

        Raises:
            ArtifactError: the pointer cannot be read or written.
        """
        use = Use(folder=str(folder), label=label, digest=digest, at=datetime.now(UTC))
        with self._locked():
            uses = self.uses()
            if uses and (uses[-1].folder, uses[-1].digest) == (use.folder, use.digest):
                uses.pop()
            self._write([*uses, use][-KEPT:])

    def back(self, expected: Use) -> None:
        """Take the present use back, so that the one before it counts.

        Raises:
            ArtifactError: the present use is not ``expected`` any more, or the pointer cannot be written.
        """
        with self._locked():
            uses = self.uses()
            if not uses or uses[-1] != expected:
                raise ArtifactError(f"{self.path}: was changed meanwhile; look with `underdog artifacts list`.")
            self._write(uses[:-1])

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Inside, no other process changes the pointer."""
        home = self.path.parent
        with _translated(home):
            home.mkdir(mode=0o700, parents=True, exist_ok=True)  # the ledger will lie there too
            handle = os.open(home, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                yield
            finally:
                os.close(handle)

    def _write(self, uses: list[Use]) -> None:
        partial = self.path.with_name(POINTER_FILE + ".part")
        with partial.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(_Content(uses=uses)), indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.path)
        # The folder too, or a power failure could bring the old name back.
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def _translated(home: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ArtifactError(
            f"{home}: cannot be written ({error.strerror}); check its permissions and the space left."
        ) from error
