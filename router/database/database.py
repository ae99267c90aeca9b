"""What a database is to those who keep something in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Rows(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""
        ...

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

    def stream(self, sql: str, values: Sequence[Any] = (), /) -> Iterator[Any]:
        """The rows of a query one after the other, however many there are, without holding them all."""
        ...


class Schema(Protocol):
    """How far the tables of one component have come; see ``router.database.migrations``."""

    foreign: bool
    """Whether what is there belongs to another program."""

    version: int
    """How many steps were applied; 0 where there is nothing yet."""

    def apply(self, statement: str) -> None:
        """Run one statement of a step: written for SQLite, and told to each engine in its own words."""
        ...

    def reached(self, version: int) -> None:
        """So many steps are applied now."""
        ...


class Database(Protocol):
    """One SQLite file, or one PostgreSQL database. May be used by several threads; each ``with`` is one transaction."""

    @property
    def name(self) -> str:
        """How messages call it: a path, or an address without user and password. Every ``DatabaseError`` begins so."""
        ...

    @property
    def shared(self) -> bool:
        """Whether it lies elsewhere, for several servers, so that it may be away for a while."""
        ...

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction that may write: committed at the end of the block, undone where it raises.

        A connection that was cut since it was last used is replaced. One that is cut inside the block raises, and
        whether the block was committed is then not known: do it again only where that does no harm.

        Raises:
            DatabaseError: the database cannot be used; the message names the remedy.
            ValueRefused: it is well, but a value cannot be written.
        """
        ...

    def reading(self) -> AbstractContextManager[Connection]:
        """One consistent look, beside whoever writes.

        Raises:
            DatabaseError: as ``writing``; also where there is nothing yet.
        """
        ...

    def schema(self, component: str) -> AbstractContextManager[Schema]:
        """How far the component's tables have come.

        Raises:
            DatabaseError: as ``reading``.
        """
        ...

    def migrating(self, component: str) -> AbstractContextManager[Schema]:
        """The same within a transaction that lets nobody else migrate meanwhile.

        Raises:
            DatabaseError: as ``writing``.
        """
        ...

    def changed(self) -> object:
        """A stamp that differs from an earlier one once another connection has written. Cheap: ask it every second.

        It may also differ where nothing was written. Never raises: while the database is away the stamp stays.
        """
        ...

    def close(self) -> None:
        """Let go. May be called twice."""
        ...
