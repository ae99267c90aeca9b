"""What a database is to those who keep something in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Rows(Protocol):
    """What a statement gave."""

    rowcount: int

    def fetchone(self) -> Any:
        """The next row as a tuple, or None."""
        ...

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """A connection within one transaction. For one thread at a time."""

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Rows:
        """Run one statement; ``?`` stands for a value."""
        ...

    def executemany(self, sql: str, values: Iterable[Sequence[Any]], /) -> Rows:
        """Run one statement for each row of values."""
        ...


class Database(Protocol):
    """One SQLite file, or one PostgreSQL database. May be used by several threads; each ``with`` is one transaction."""

    @property
    def name(self) -> str:
        """How messages call it: a path, or an address without its password."""
        ...

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction that may write: committed at the end of the block, undone where it raises.

        Raises:
            DatabaseError: the database cannot be used; the message names the remedy.
        """
        ...

    def reading(self) -> AbstractContextManager[Connection]:
        """One consistent look, beside whoever writes.

        Raises:
            DatabaseError: as ``writing``.
        """
        ...

    def close(self) -> None:
        """Let go. May be called twice."""
        ...
